"""Read idx files, the form of MNIST and Fashion-MNIST: `idx:PATH`; no byte of them is trusted."""

import gzip
import hashlib
import io
import math
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError
from harness.data.image_dataset import Split
from harness.data.memory import check_bytes
from harness.data.source import Source, as_labels, labelled_source, safe_name

UNSIGNED_BYTES = 0x08  # the type code of images and labels; the format has five others
MAX_DIMENSIONS = 4  # images, height, width, channels
CHUNK_BYTES = 1 << 20

_REMEDY = "Write or copy it again."
_TRAIN, _TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
_SUFFIX = ".gz"


def load_idx(path: Path) -> Source:
    """Load idx files: a folder with training and test images, or one file of images.

    A folder holds `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, each maybe with `.gz`,
    or a dot before `idx3`. The labels of a file of images lie beside it, in a file of the same
    name with `labels` and `idx1` in the place of `images` and `idx3`, compressed or not, with dots
    or hyphens, in capitals or not; without that file the images are unlabelled.

    Args:
        path: The folder or the file; a relative path begins at the current folder.

    Returns:
        The images, named after the folder or the file. The test split of a folder stays one.

    Raises:
        DataError: If a file is missing or damaged, or labels do not belong to the images.
    """
    path = path.expanduser()
    if not path.is_dir():
        if not path.exists():
            raise DataError(
                f"{path}: received nothing of that name; expected an idx file of images, or a "
                f"folder with {_TRAIN}.gz and {_TEST}.gz."
            )
        return labelled_source(_read(path, safe_name(path)))
    name = safe_name(path)
    pool, test = (_read(_member(path, stem), name) for stem in (_TRAIN, _TEST))
    return labelled_source(pool, test)


def _member(folder: Path, stem: str) -> Path:
    found = _named(folder, stem)
    if found is not None:
        return found
    raise DataError(
        f"{folder}: received no {stem} or {stem}.gz; expected the files of Fashion-MNIST's form. "
        f"Name them so, or give one file: idx:{folder}/FILE."
    )


def _read(path: Path, name: str) -> Split:
    images = read_idx(path, remedy=_REMEDY)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{path}: expected images of shape (n, height, width) or (n, height, width, 1 or 3); "
            f"received {images.shape}. Give the file of the images, not of the labels."
        )
    wanted = re.sub("idx[34]", "idx1", _plain(path.name).replace("images", "labels"))
    beside = _named(path.parent, wanted) if wanted != _plain(path.name) else None
    if beside is None:
        return Split(name, images)
    labels = read_idx(beside, remedy=_REMEDY)
    if labels.shape not in ((len(images),), (len(images), 1)):
        raise DataError(
            f"{beside}: holds labels of shape {labels.shape} for {len(images)} images; expected "
            f"one an image. Use the file that belongs to {path.name}."
        )
    return Split(name, images, as_labels(labels))


def _named(folder: Path, plain: str) -> Path | None:
    files = (file for file in sorted(folder.iterdir()) if _plain(file.name) == plain)
    return next((file for file in files if file.is_file()), None)


def _plain(name: str) -> str:
    """Return a file's name without what differs between copies of one data set."""
    return re.sub("[._]", "-", name.lower().removesuffix(_SUFFIX))


def read_idx(
    path: Path, *, sha256: str | None = None, remedy: str = "Fetch the file again."
) -> NDArray[np.uint8]:
    """Read one idx file of unsigned bytes, gzip-compressed where its name ends in `.gz`.

    The header is checked before anything is allocated for the sizes it claims, and never more is
    read than those sizes: neither a forged header nor a compression bomb fills the memory.

    Args:
        path: The file.
        sha256: Expected hash of the decompressed bytes, header included; None skips the check.
        remedy: The last sentence of every error: what the user does about a bad file.

    Returns:
        uint8, 1 to 4 dimensions, read-only, as the header says: (n,) for labels, (n, height,
        width) for images.

    Raises:
        DataError: The file is missing, unreadable, truncated, too long, not gzip, not idx, or
            hashes to something else.

    References:
        The format is described at the end of the MNIST page of LeCun, Cortes and Burges, 1998:
        two zero bytes, a type code, the number of dimensions, each dimension as a big-endian
        32-bit integer, then the values in C order.
    """
    try:
        # By name, not by content: a `.gz` file that is none is a fault worth naming.
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as stream:
            header, shape = _read_header(stream, path, remedy)
            check_bytes(path, math.prod(shape))
            values = _read_values(stream, math.prod(shape)) if _may_hold(path, shape) else b""
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(
            f"{path}: {_fault(error)}; expected a readable, complete idx file. {remedy}"
        ) from error
    if len(values) != math.prod(shape):
        more = len(values) > math.prod(shape) or not _may_hold(path, shape)
        received = "more" if more else f"{len(values):,}"
        raise DataError(
            f"{path}: {received} values follow a header that promises {math.prod(shape):,}, "
            f"of shape {shape}. {remedy}"
        )
    digest = hashlib.sha256(header)
    digest.update(values)
    if sha256 not in (None, digest.hexdigest()):
        raise DataError(
            f"{path}: SHA-256 of the decompressed bytes is {digest.hexdigest()}; expected "
            f"{sha256}. {remedy}"
        )
    array = np.frombuffer(values, dtype=np.uint8).reshape(shape)
    array.setflags(write=False)
    return array


def _may_hold(path: Path, shape: tuple[int, ...]) -> bool:
    """Return whether a file is no larger than so many values can be, compressed or not.

    Python's gzip would look through whatever follows, byte by byte.
    """
    return path.stat().st_size <= 1.01 * math.prod(shape) + CHUNK_BYTES


def _read_header(
    stream: io.BufferedIOBase, path: Path, remedy: str
) -> tuple[bytes, tuple[int, ...]]:
    """Return the header's bytes and the shape it claims."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:3] != bytes((0, 0, UNSIGNED_BYTES)):
        raise DataError(
            f"{path}: begins with bytes {magic.hex(' ') or '(none)'}; expected 00 00 08 and the "
            f"number of dimensions, as an idx file of unsigned bytes has. {remedy}"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DataError(
            f"{path}: claims {dimensions} dimensions; expected 1 to {MAX_DIMENSIONS}. {remedy}"
        )
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path}: ends inside its header; expected {dimensions} sizes. {remedy}")
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    if 0 in shape:
        raise DataError(f"{path}: claims the shape {shape}; expected sizes from 1 up. {remedy}")
    return magic + sizes, shape


def _read_values(stream: io.BufferedIOBase, promised: int) -> bytearray:
    # One byte more than promised is asked for: it tells a file that is too long, and reaching the
    # end makes gzip compare its checksum. In chunks, since one big read allocates all of it first.
    values = bytearray()
    while len(values) <= promised:
        chunk = stream.read(min(CHUNK_BYTES, promised + 1 - len(values)))
        if not chunk:
            break
        values += chunk
    return values


def _fault(error: Exception) -> str:
    """Return in words what reading ran into."""
    if isinstance(error, EOFError):
        return "truncated, the compressed data end early"
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return f"damaged or not gzip ({error})"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"
