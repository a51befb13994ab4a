"""Load a user's own images from CSV files, a line each: `csv:PATH`."""

import codecs
import io
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.core.errors import DataError
from harness.data.image_dataset import Split
from harness.data.memory import check_bytes
from harness.data.source import Source, labelled_source, safe_name

MAX_LINE_BYTES = 1 << 24
"""More than the longest line there can be: three channels of 1,024 x 1,024 pixels."""

_CHECKED_LINES = 1000

_LABEL = re.compile(rb"(\d{1,9})(?:\.0*)?")
"""A whole number, maybe written as 3.0."""

_TRAIN, _TEST = "_train", "_test"


def load_csv(path: Path) -> Source:
    """Load images from lines of a label and the pixels, as Kaggle's `fashion-mnist_train.csv`.

    A line holds the label, an integer from 0, and the pixels from 0 to 255, row by row: s * s for
    gray squares of side s (785 columns for 28 x 28), 3 * s * s for RGB, each pixel's three values
    in sequence. A first line of column names is passed over, and so is a byte order mark.

    Args:
        path: One file; or `NAME_train.csv`, where `NAME_test.csv` beside it holds the test images;
            or a folder that holds one such pair. A relative path begins at the current folder.

    Returns:
        The images, named after the file. Where there is a pair, the test split stays one.

    Raises:
        DataError: If there is no such file, or a line has another form; names the line.
    """
    path = _training_file(path.expanduser())
    name = safe_name(path).removesuffix(_TRAIN)
    pool = _read(path, name)
    test_path = path.with_name(f"{path.stem.removesuffix(_TRAIN)}{_TEST}{path.suffix}")
    if not path.stem.endswith(_TRAIN) or not test_path.exists():
        return labelled_source(pool)
    return labelled_source(pool, _read(test_path, name))


def _training_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.glob(f"*{_TRAIN}.csv"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise DataError(
            f"{path}: expected one file NAME{_TRAIN}.csv, maybe with NAME{_TEST}.csv beside it; "
            f"received {names}. Give the file itself: csv:{path}/FILE.csv."
        )
    return found[0]


def _read(path: Path, name: str) -> Split:
    try:
        with path.open("rb") as stream:
            return _read_lines(path, name, stream)
    except OSError as error:
        fault = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise DataError(f"{path}: cannot be read ({fault}). Expected a CSV file.") from error


def _read_lines(path: Path, name: str, stream: io.BufferedIOBase) -> Split:
    labels: list[int] = []
    pixels = bytearray()  # not a list of lines: sixty thousand of them would take twice as much
    columns = 0
    for number, fields in _lines(path, stream):
        if number == 1 and _is_header(path, fields):
            continue
        columns = columns or len(fields)
        if len(fields) != columns:
            raise DataError(
                f"{path}: line {number} has {len(fields):,} values; expected {columns:,}, as the "
                f"lines before it have: the label, then the pixels. Correct or remove the line."
            )
        labels.append(_label(path, number, fields[0]))
        pixels += _pixels(path, number, fields[1:])
        if number % _CHECKED_LINES == 0:
            check_bytes(path, 2 * len(pixels))
    if not labels:
        raise DataError(f"{path}: holds no images; expected a line each: label, then pixels.")
    shape = _image_shape(path, columns - 1)
    images = np.frombuffer(pixels, np.uint8).reshape(len(labels), *shape)
    return Split(name, images, np.array(labels, np.int32))


def _lines(path: Path, stream: io.BufferedIOBase) -> Iterator[tuple[int, list[bytes]]]:
    """Yield each line's number and its fields; empty lines are passed over."""
    for number in itertools.count(1):
        line = stream.readline(MAX_LINE_BYTES)
        if not line:
            return
        if len(line) == MAX_LINE_BYTES:
            raise DataError(
                f"{path}: line {number} is longer than {MAX_LINE_BYTES:,} bytes; expected a label "
                f"and the pixels of one image. Is this a CSV file?"
            )
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield number, line.strip().split(b",")


def _is_header(path: Path, fields: list[bytes]) -> bool:
    """Return whether these are column names; refuse ones that have the label elsewhere."""
    names = [field.strip(b'" ').lower() for field in fields]
    if b"label" in names[1:]:
        raise DataError(
            f"{path}: the label is column {names.index(b'label') + 1}; expected it to be the "
            f"first, before the pixels. Reorder the columns."
        )
    if len(names) > 2 and names == [b"%d" % column for column in range(len(names))]:
        return True  # pandas' names for columns without names
    try:
        float(names[0])
    except ValueError:  # before pixels it is a label, though a bad one
        return not names[1:] or not all(map(_is_pixel, names[1:]))
    return False


def _label(path: Path, number: int, field: bytes) -> int:
    found = _LABEL.fullmatch(field.strip())
    if found is None:
        raise DataError(
            f"{path}: line {number} begins with {_shown(field)}; expected the label, an integer "
            f"from 0. Number the classes."
        )
    return int(found[1])


def _pixels(path: Path, number: int, fields: list[bytes]) -> bytes:
    try:
        return bytes(map(int, fields))  # refuses what is beyond 0 to 255
    except ValueError:
        column, field = next((i, f) for i, f in enumerate(fields, start=2) if not _is_pixel(f))
    raise DataError(
        f"{path}: line {number} has {_shown(field)} in column {column}; expected a pixel, an "
        f"integer from 0 to 255. Undo any scaling."
    )


def _is_pixel(field: bytes) -> bool:
    try:
        return 0 <= int(field) <= 255
    except ValueError:
        return False


def _shown(field: bytes) -> str:
    return repr(field[:20].decode("utf-8", "replace"))


def _image_shape(path: Path, count: int) -> tuple[int, int, int]:
    """Return the shape that so many pixels make: no square number is thrice another."""
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if count and side * side * channels == count:
            return side, side, channels
    raise DataError(
        f"{path}: has {count:,} pixels a line; expected a square number, or three times one for "
        f"RGB, behind the label: 784 for 28 x 28. Remove columns that are no pixels."
    )
