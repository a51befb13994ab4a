"""Let one process at a time use a folder."""

import fcntl
import os
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
        file = (folder / LOCK_FILE).open("a+")  # some file systems want to read what they share
    except OSError as error:
        raise storage_error(folder, error) from error
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
        with path.open("r+b" if os.access(path, os.W_OK) else "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # no lock file: it was never taken
    return False
