"""Let one process at a time use a folder.

Whoever takes the lock and whoever asks after it take turns by a lock on the folder itself, held
for a moment: asking never makes a taker find the lock taken, and leaves no file behind.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.core.errors import StudyError
from harness.core.files import storage_error

LOCK_FILE = "lock"


def lock_folder(folder: Path, refusal: str, *, shared: bool = False) -> IO[str]:
    """Take a folder's lock, making the folder where there is none.

    The lock is let go of when the file returned is closed, and by the system when the process
    ends, however it ends; the empty file stays.

    Args:
        folder: What only one process shall use.
        refusal: What to tell a second one: who has the folder, and what to do.
        shared: Let others in that share it too, and only keep out those that do not. Something
            else must then keep them apart, so a file system without locks is no hindrance.

    Returns:
        The open file.

    Raises:
        StudyError: If another process, or another part of this one, has it.
        StorageError: If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Some file systems want to read what they share.
        file = os.fdopen(_open_itself(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT), "r+")
    except OSError as error:
        raise storage_error(folder, error) from error
    with _turn(folder):
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if shared and not isinstance(error, BlockingIOError):
                return file
            file.close()
            raise StudyError(f"{folder}: {refusal}") from error
    return file


def is_locked(folder: Path) -> bool:
    """Return whether anyone has a folder's lock right now, alone or shared.

    Of other machines it knows where the file system passes locks on, as NFS does.
    """
    path = folder / LOCK_FILE
    try:
        flags = os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY
        with os.fdopen(_open_itself(path, flags), "rb") as file, _turn(folder):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(file, fcntl.LOCK_UN)  # within the turn
    except OSError:
        pass  # no lock file: it was never taken
    return False


def _open_itself(path: Path, flags: int) -> int:
    """Open a lock file, whatever a link in its place points to, and wait for no reader of it."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with contextlib.ExitStack() as closing:
        # NFS locks no folders: there, who takes a lock may meet one who asks.
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            closing.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
