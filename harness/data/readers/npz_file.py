"""Read the arrays of an .npz file without trusting a byte of it."""

import dataclasses
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from harness.core.errors import DataError
from harness.data.memory import check_bytes, within_memory

_MAX_HEADER = 10_000
"""Bytes; NumPy refuses longer ones, too, but not before it has read them."""

_SUFFIX = ".npy"
# Bytes of a header's length, and what reads both.
_HEADER_READERS = {
    (1, 0): (2, npy.read_array_header_1_0),
    (2, 0): (4, npy.read_array_header_2_0),
}
# What zipfile, zlib and NumPy raise on damaged or forged bytes; RuntimeError is zipfile's word for
# an encrypted member and, as NotImplementedError, for a compression it does not know.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    tokenize.TokenError,
)


@dataclasses.dataclass(frozen=True)
class ArrayHeader:
    """What a file says of one of its arrays, before the array is read.

    Args:
        shape: The shape it claims.
        dtype: The type it claims; never Python objects.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def num_bytes(self) -> int:
        """Return how much memory the array takes."""
        # Values of no bytes, of which there may be any number in a file, count as one each.
        return math.prod(self.shape) * max(1, self.dtype.itemsize)


def read_npz(
    path: Path, check: Callable[[Mapping[str, ArrayHeader]], None]
) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz file, once their headers have passed a check.

    No array is allocated for a size that the file does not hold, none beyond what it may take, and
    nothing is unpickled: neither a forged header nor a compression bomb does harm.

    Args:
        path: The file.
        check: Called with the header of every array by name, before any is read; raises to
            refuse them.

    Returns:
        The arrays by name.

    Raises:
        DataError: If the file is missing, unreadable, no .npz, damaged, too large or holds
            Python objects; or what `check` raises.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                member.filename.removesuffix(_SUFFIX): member
                for member in archive.infolist()
                if member.filename.endswith(_SUFFIX)
            }
            headers = {
                name: _read_header(path, archive, member) for name, member in members.items()
            }
            check(headers)
            check_bytes(path, sum(header.num_bytes for header in headers.values()))
            with within_memory(path):
                return {name: _read_array(archive, member) for name, member in members.items()}
    except _DAMAGE as error:
        raise DataError(
            f"{path}: {_fault(error)}; expected an .npz file as np.savez writes it. Write or "
            f"copy it again."
        ) from error


def _read_header(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> ArrayHeader:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed in another way than NumPy does it")
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in _HEADER_READERS:
            raise ValueError(f"{member.filename} has version {version} of the .npy format")
        size, read = _HEADER_READERS[version]
        length = stream.read(size)
        if int.from_bytes(length, "little") > _MAX_HEADER:
            raise ValueError(f"{member.filename} has a header of more than {_MAX_HEADER:,} bytes")
        shape, _, dtype = read(io.BytesIO(length + stream.read(int.from_bytes(length, "little"))))
        header = ArrayHeader(shape, dtype)
        if dtype.hasobject:
            raise DataError(
                f"{path}: {member.filename} holds pickled Python objects, which may run code when "
                f"they are read; expected numbers or text. Convert the array before saving it, "
                f"e.g. np.asarray(names, dtype=str)."
            )
        if min(shape, default=0) < 0 or stream.tell() + header.num_bytes != member.file_size:
            raise ValueError(
                f"{member.filename} claims the shape {shape}, but holds "
                f"{member.file_size - stream.tell():,} bytes of values"
            )
    return header


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    return array


def _fault(error: Exception) -> str:
    """Return in words what reading ran into."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return f"damaged, or another kind of file ({error or type(error).__name__})"
