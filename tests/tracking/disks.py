"""Run code on a disk of its own: full, or read-only."""

import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def run_on_disk(mount_point: Path, options: str, code: str) -> subprocess.CompletedProcess[str]:
    """Mount a file system that only a child process sees, and run Python code there.

    Skips the test where the system lets nobody mount in a namespace of their own.
    """
    mount_point.mkdir(exist_ok=True)
    mount = f"mount -t tmpfs -o {options} tmpfs {shlex.quote(str(mount_point))}"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*alone, mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mount in a namespace of its own: {error}")
    script = f'{mount} && exec "$0" -c "$1"'
    return subprocess.run(
        [*alone, script, sys.executable, textwrap.dedent(code)],
        env={key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
