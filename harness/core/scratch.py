"""Make a result beside its place, and clear away what killed processes left of theirs."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import StudyError
from harness.core.files import storage_error
from harness.core.locks import LOCK_FILE, is_locked, lock_folder

EARLIER = "earlier"
"""What stood in a place, for the moment in which something else is put there."""

PREFIX = ".export-"
"""How the names of temporary folders begin."""

_NAME = re.compile(r"\.export-[a-z0-9_]{8}")  # as `tempfile` makes them
_CONTENT = re.compile(rf"{LOCK_FILE}|bundle|{EARLIER}|proof-[a-z0-9_]{{8}}")


@contextlib.contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside a place, locked to the end of the block and then removed.

    What a killed process left there is removed first; the lock tells its folder from that of one
    which is at work at this moment.

    Args:
        target: The place that the result will be moved to.

    Raises:
        StorageError: If what was left cannot be removed.
        OSError: If the folder cannot be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in find_left(target.parent):
        remove_left(left, target)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=target.parent) as temporary:
        folder = Path(temporary)
        # Shared, so that a disk without locks will do: no other process knows this name.
        with contextlib.closing(lock_folder(folder, "it is being removed.", shared=True)):
            yield folder


def find_left(parent: Path) -> list[Path]:
    """Return the temporary folders in a folder that no process works in any more, by name.

    Args:
        parent: Where results lie; maybe a folder of the user's with much else in it.
    """
    return [path for path in sorted(parent.glob(f"{PREFIX}*")) if _is_left(path)]


def remove_left(folder: Path, target: Path) -> None:
    """Remove a temporary folder that a killed process left, unless a process works in it.

    Args:
        folder: As `find_left` returned it.
        target: The place of results. Where it is empty, and the process was killed between taking
            the earlier result away and putting its own there, the earlier one is put back.

    Raises:
        StorageError: If it cannot be removed.
    """
    try:
        lock = lock_folder(folder, "a process is at work there.")
    except StudyError:
        return
    with contextlib.closing(lock):
        try:
            if (folder / EARLIER).exists() and not target.exists():
                (folder / EARLIER).rename(target)
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(folder, error) from error


def _is_left(path: Path) -> bool:
    if not _NAME.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
        return False
    known = all(_CONTENT.fullmatch(each.name) for each in path.iterdir())
    return known and not is_locked(path)
