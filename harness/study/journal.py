"""Keep Optuna's journal of a study in one file that a single process writes."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages.journal import BaseJournalBackend

from harness.core.errors import StorageError
from harness.core.files import inside, storage_error
from harness.study.record import study_options

_MOST_BYTES = 256 * 2**20
"""What a journal may take; that of 10,000 trials takes a tenth of it."""

_REMAINING = "remaining"
"""How many lines of its transaction follow a line; Optuna passes over keys unknown to it."""


class StudyJournal(BaseJournalBackend):
    """A file of JSON lines, one for each operation of Optuna, that only grows.

    `JournalStorage` keeps all trials in memory and writes through it; Optuna's own
    `JournalFileBackend`, and so `optuna-dashboard`, reads the same file. Where that one syncs the
    file and makes a lock file for each operation, here those of a transaction are written and
    synced together, and what a killed process left is cut back to the last whole transaction.
    The study's lock keeps other writers out; readers may come at any time.

    Args:
        file: The journal; made if it is absent and this process writes.
        writes: Whether this process is the one that may write.

    Raises:
        StorageError: If the file cannot be read or written, or a line is no operation.
    """

    def __init__(self, file: Path, *, writes: bool) -> None:
        inside(file.parent, file.name, most_bytes=_MOST_BYTES)
        self._file = file
        self._end = 0
        self._unread: list[dict[str, Any]] = []
        self._first_unread = 0
        self._held: list[dict[str, Any]] | None = None
        self._descriptor: int | None = None
        if writes:
            try:
                self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
                self._read_file()
                os.ftruncate(self._descriptor, self._end)
            except OSError as error:
                raise storage_error(file, error) from error

    def close(self) -> None:
        """Close the file; nothing is written any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the operations from a number on, those of an open transaction included."""
        if self._descriptor is None:
            self._read_file()
        # Optuna asks for what it has not had: what lies before is never asked for again.
        del self._unread[: log_number_from - self._first_unread]
        self._first_unread = log_number_from
        return list(self._unread)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations, at once or at the end of the open transaction."""
        logs = [json.loads(json.dumps(log)) for log in logs]  # as a reader gets them
        if self._held is None:
            self._write(logs)
        else:
            self._held += logs
        self._unread += logs

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write what a block does at its end: a crash leaves all of it or nothing.

        What a block did before it raised is in memory already, so it is written as well.
        """
        if self._held is not None:  # part of a greater one
            yield
            return
        self._held = []
        try:
            yield
        finally:
            logs, self._held = self._held, None
            self._write(logs)

    def _write(self, logs: list[dict[str, Any]]) -> None:
        if not logs:
            return
        if self._descriptor is None:
            raise StorageError(f"{self._file}: is not open for writing.")
        lines = [
            json.dumps(log | ({_REMAINING: left} if left else {}), separators=(",", ":")) + "\n"
            for left, log in zip(reversed(range(len(logs))), logs, strict=True)
        ]
        data = "".join(lines).encode()
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._end)  # a full disk leaves no half transaction
            self.close()  # memory is ahead of the file now: nothing may follow
            raise storage_error(self._file, error) from error
        self._end += len(data)

    def _read_file(self) -> None:
        """Take in the whole transactions that the file has beyond those known."""
        place, begun, due = self._end, list[dict[str, Any]](), None
        with self._open() as stream:
            stream.seek(place)
            for line in stream:
                if not line.endswith(b"\n"):
                    return  # being written, or what a killed process left
                try:
                    log = json.loads(line)
                    left = log.get(_REMAINING, 0)
                except (ValueError, AttributeError):
                    left = None
                if not isinstance(left, int) or due not in (None, left) or not _is_sound(log):
                    raise damaged(self._file, f"what stands at byte {place} is no operation")
                place += len(line)
                begun.append(log)
                due = left - 1 if left else None
                if due is None:
                    self._unread += begun
                    self._end, begun = place, []

    def _open(self) -> BinaryIO:
        try:
            return self._file.open("rb")
        except OSError as error:
            raise storage_error(self._file, error) from error


_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("op_code", "study_id", "trial_id", "step", "state"), (int,)),
    **dict.fromkeys(("worker_id", "study_name", "param_name", "distribution"), (str,)),
    **dict.fromkeys(("datetime_start", "datetime_complete"), (str, type(None))),
    **dict.fromkeys(("param_value_internal", "intermediate_value"), (int, float)),
    **dict.fromkeys(("user_attr", "system_attr"), (dict,)),
    **dict.fromkeys(("directions", "values"), (list, type(None))),
}
"""What Optuna writes under its keys, and takes for granted when it reads."""


def _is_sound(log: dict[str, Any]) -> bool:
    """Return whether an operation holds values of the types that Optuna writes."""
    return all(
        isinstance(value, _TYPES.get(key, (object,))) and not isinstance(value, bool)
        for key, value in log.items()
    )


def damaged(file: Path, fault: str) -> StorageError:
    """Return the message for a journal that Optuna cannot read."""
    return StorageError(
        f"{file}: the journal is damaged: {fault}. Restore it from a copy; or move it away and "
        f"run `gansweep doctor {study_options(file.parent)} --repair`, which makes it anew from "
        f"the folders of the trials."
    )
