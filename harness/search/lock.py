"""Hold a study's lock from outside a sweep, or learn that somebody else holds it."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from harness.errors import StudyError
from harness.files import storage_error


@contextlib.contextmanager
def study_held(folder: Path) -> Iterator[None]:
    """Keep sweeps and other commands off an existing study while the block runs.

    Raises:
        StudyError: If a sweep runs on it.
        StorageError: If the lock file cannot be written.
    """
    try:
        file = (folder / "lock").open("w")
    except OSError as error:
        raise storage_error(folder / "lock", error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StudyError(
                f"{folder}: a sweep is running this study. Wait for it, or stop it with Ctrl-C."
            ) from error
        yield


def is_held(folder: Path) -> bool:
    """Return whether a sweep, or another command, holds an existing study right now."""
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # no lock file: nobody ever ran it here
    return False
