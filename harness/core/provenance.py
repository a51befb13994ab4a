"""Which code is running: its commit, and the packages it was tested with."""

import hashlib
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of this package's code."""

_ROOT = PACKAGE.parent
_TIMEOUT_SECONDS = 10


def code_commit() -> str | None:
    """Return the commit of this package's code, `-dirty` behind it if files were changed since.

    Returns:
        None where the code lies in no repository of its own, as when it was installed.
    """
    if not (_ROOT / ".git").exists():  # or else git would answer for a repository around it
        return None
    # Without tags: the hash itself, whatever the repository calls its releases.
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(
            [*command, "--dirty"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def lock_sha256() -> str | None:
    """Return the hash of `requirements.lock`; None where it was not kept beside the code."""
    lock = _ROOT / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None
