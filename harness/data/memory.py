"""Say how much memory one input may take, before it is taken."""

import contextlib
import os
import resource
import zipfile
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import DataError
from harness.core.files import NETWORK_BYTES, check_regular

MAX_BYTES = 8 * 2**30
"""What the images or arrays of one input may take, wherever there is memory for it."""


def most_bytes() -> int:
    """Return what one input may take: MAX_BYTES, at most half of what this process may have."""
    page = os.sysconf("SC_PAGE_SIZE")
    left = [os.sysconf("SC_PHYS_PAGES") * page]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        used = Path("/proc/self/statm")
        pages = int(used.read_text("ascii").split()[0]) if used.exists() else 0
        left.append(soft - pages * page)
    return max(0, min(MAX_BYTES, *(each // 2 for each in left)))


def check_bytes(where: str | Path, wanted: int) -> None:
    """Refuse an input that would take more memory than `most_bytes`.

    Args:
        where: What the message begins with.
        wanted: Bytes that the input claims or has taken so far.

    Raises:
        DataError: If that is too much.
    """
    if wanted > (most := most_bytes()):
        raise DataError(
            f"{where}: its images or arrays would take {wanted / 2**30:.1f} GiB of memory; at "
            f"most {most / 2**30:.1f} GiB are read here. Use fewer or smaller ones."
        )


def check_archive(path: Path) -> None:
    """Refuse a Keras file that would unfold to more than memory holds, before Keras opens it.

    Raises:
        DataError: If it does.
        StorageError: If it is no regular file.
    """
    if path.exists() and not path.is_dir():
        check_regular(path, path.stat(), NETWORK_BYTES)
    if path.suffix.lower() == ".keras" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_bytes(path, sum(member.file_size for member in archive.infolist()))


@contextlib.contextmanager
def within_memory(where: str | Path) -> Iterator[None]:
    """Turn the end of memory inside the block into a message.

    Raises:
        DataError: If there is no more memory.
    """
    try:
        yield
    except MemoryError as error:
        raise DataError(
            f"{where}: takes more memory than this process may have. Use fewer or smaller images, "
            f"or a machine with more."
        ) from error
