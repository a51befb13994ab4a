"""Keep a training's history in its own folder: one JSON record a line."""

import json
import os
from pathlib import Path
from typing import BinaryIO

from harness.core.errors import StorageError
from harness.core.events import Event, Finished, RungScored, Started, from_record, to_record
from harness.core.files import inside

HISTORY_NAME = "history.jsonl"
_MOST_BYTES = 64 * 2**20
"""A history of a day, with histograms at each rung, takes a few MB."""

_LONGEST_LINE = 1 << 20
"""Bytes; histograms of all weights take a tenth of that."""


class JsonlTracker:
    """A tracker that appends to `history.jsonl`, the truth that others are repaired from.

    Every record reaches the operating system before `emit` returns, so a crash of this process
    loses at most the line being written; a power cut may lose the last seconds. What a crash left
    half-written is removed on opening. Numbers that are not finite are written the way Python
    reads them (`NaN`, `Infinity`), which is not strict JSON.

    Args:
        path: The file; its folder is made if needed.

    Raises:
        StorageError: If the file cannot be read or written, or is damaged before its end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What is appended must not go through a link.
            inside(path.parent, path.name, most_bytes=_MOST_BYTES)
            if path.exists() and not ends_cleanly(path):
                rewrite_history(path, read_history(path))
            # Unbuffered: after a failed write nothing lingers for `close` to stumble over.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error

    def emit(self, event: Event) -> None:
        """Append one event; what it repeats, or announces to be repeated, is dropped first.

        A training that goes on from a checkpoint repeats everything later than that, and the rung
        it stands at too, where it was interrupted between scoring and saving.

        Raises:
            StorageError: If the disk is full or the file cannot be written, or if the tracker
                was closed.
        """
        if self._file is None:
            raise StorageError(
                f"{self._path}: received {type(event).__name__} after the history was closed. "
                f"Open the tracker again to go on."
            )
        try:
            if isinstance(event, Started | RungScored):
                self._drop_repeated(event)
            _write_line(self._file, event)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _drop_repeated(self, event: Started | RungScored) -> None:
        def stands(past: Event) -> bool:
            if isinstance(event, RungScored):
                return not (isinstance(past, RungScored) and past.rung == event.rung)
            return not isinstance(past, Finished) and past.kimg <= event.kimg

        history = read_history(self._path)
        kept = list(filter(stands, history))
        if len(kept) == len(history):
            return
        self.close()
        rewrite_history(self._path, kept)
        self._file = self._path.open("ab", buffering=0)


def read_history(path: Path) -> list[Event]:
    """Return the events of a history in the order they were written.

    Lines at the end that a crash left incomplete are passed over; a file that does not exist is
    an empty history.

    Args:
        path: A `history.jsonl`.

    Raises:
        StorageError: If the file cannot be read, or a line before the last sound one is damaged.
    """
    if inside(path.parent, path.name, most_bytes=_MOST_BYTES) is None:
        return []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read ({error.strerror}). Check its permissions."
        ) from error
    events: list[Event] = []
    damaged: int | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip(b"\0 \r"):
            continue
        event = _parse(line)
        if event is None:
            damaged = damaged or number
        elif damaged is not None:
            raise StorageError(
                f"{path}: line {damaged} is damaged although sound lines follow; expected one "
                f"JSON record of an event a line. Restore the file, or delete that line."
            )
        else:
            events.append(event)
    return events


def rewrite_history(path: Path, events: list[Event]) -> None:
    """Replace a history, whole or not at all.

    Raises:
        StorageError: If it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb", buffering=0) as file:
            for event in events:
                _write_line(file, event)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _parse(line: bytes) -> Event | None:
    try:
        return from_record(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def last_event(path: Path) -> Event | None:
    """Return what a history ends with, its beginning unread; None for one that was cut, too."""
    try:
        if inside(path.parent, path.name, most_bytes=_MOST_BYTES) is None:
            return None
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LONGEST_LINE))
            end = file.read()
    except (OSError, StorageError):
        return None
    return _parse(end[:-1].rpartition(b"\n")[2]) if end.endswith(b"\n") else None


def ends_cleanly(path: Path) -> bool:
    """Return whether a history ends with a whole record, as it does unless a crash cut it."""
    return path.stat().st_size == 0 or last_event(path) is not None


def _write_line(file: BinaryIO, event: Event) -> None:
    rest = memoryview(json.dumps(to_record(event)).encode() + b"\n")
    # A disk that fills up takes part of a line first; the next write then says why.
    while rest:
        rest = rest[file.write(rest) :]


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: cannot be written ({error.strerror}). Free space or make the folder writable, "
        f"then give the same command again: training goes on from its last checkpoint."
    )
