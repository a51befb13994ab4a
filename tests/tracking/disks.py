"""Run code on a disk of its own: full, or read-only."""

import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

_ALONE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


def run_on_disk(mount_point: Path, options: str, code: str) -> subprocess.CompletedProcess[str]:
    """Mount a file system that only a child process sees, and run Python code there.

    Skips the test where the system lets nobody mount in a namespace of their own.
    """
    environment = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return _run(mount_point, _mount(mount_point, options), command, environment)


def run_command_on_disk(
    mount_point: Path, options: str, command: Sequence[object], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `python -m COMMAND ...` beside a new file system that only it sees."""
    python = [sys.executable, "-m", *map(str, command)]
    return _run(mount_point, _mount(mount_point, options), python, environment)


def run_command_on_used_disk(
    mount_point: Path,
    kind: str,
    command: Sequence[object],
    environment: dict[str, str],
    *,
    content: Path,
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run `python -m COMMAND ...` beside a disk that holds something and takes nothing more.

    Args:
        mount_point: Where it is mounted.
        kind: `read-only` or `full`.
        command: What to run.
        environment: Its environment.
        content: A folder whose content is copied there first.

    Returns:
        What it printed, and a copy of the disk as the command left it.
    """
    after = mount_point.with_name(f"{mount_point.name}-after")
    disk = shlex.quote(str(mount_point))
    closing = {
        "read-only": f"mount -o remount,ro {disk}",
        "full": f"{{ cat /dev/zero > {disk}/filler; true; }} 2>&-",
    }
    opening = (
        f"{_mount(mount_point, 'size=64m')} && cp -R {shlex.quote(str(content))}/. {disk} "
        f"&& {closing[kind]}"
    )
    saving = f"rm -f {disk}/filler; cp -R {disk} {shlex.quote(str(after))}"
    python = [sys.executable, "-m", *map(str, command)]
    return _run(mount_point, opening, python, environment, then=saving), after


def _mount(mount_point: Path, options: str) -> str:
    return f"mount -t tmpfs -o {options} tmpfs {shlex.quote(str(mount_point))}"


def _run(
    mount_point: Path,
    opening: str,
    command: Sequence[str],
    environment: dict[str, str],
    then: str = "true",
) -> subprocess.CompletedProcess[str]:
    mount_point.mkdir(exist_ok=True)
    try:
        subprocess.run([*_ALONE, opening], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mount in a namespace of its own: {error}")
    # What is printed by `then` must not be taken for the command's own.
    script = f'{opening} && {{ "$@"; code=$?; {{ {then}; }} >&- 2>&-; exit $code; }}'
    return subprocess.run(
        [*_ALONE, script, "sh", *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
