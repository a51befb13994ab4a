"""Copy a study's SQLite file while it is in use, and see in the copy which trials have ended."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.core.errors import StorageError

FILE = "optuna.db"
"""Where a study keeps its database by default, in its folder."""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file that is in use; of no use without it, or beside another one."""

_LOCK_SECONDS = 60
_OPEN = ("RUNNING", "WAITING")


def copy_database(file: Path, target: Path) -> None:
    """Copy a database as it is at one moment, whatever others write to it meanwhile.

    Raises:
        StorageError: If it cannot be read.
    """
    target.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(sqlite3.connect(file, timeout=_LOCK_SECONDS)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            # The copy is to be one file, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StorageError(f"{file}: the database cannot be copied: {error}.") from error


def ended_trials(file: Path) -> set[int]:
    """Return the numbers of the trials that have ended; none where there are no tables yet."""
    with contextlib.closing(sqlite3.connect(file)) as database, _empty_is_fine():
        rows = database.execute("SELECT number, state FROM trials").fetchall()
        return {number for number, state in rows if state not in _OPEN}
    return set()


def content_mark(file: Path) -> str:
    """Return what changes when a study is reported to: its trials, their values and attributes."""
    with contextlib.closing(sqlite3.connect(file)) as database, _empty_is_fine():
        counts = [
            database.execute(f"SELECT COUNT(*), MAX({key}) FROM {table}").fetchone()
            for table, key in (
                ("trials", "trial_id"),
                ("trial_values", "trial_value_id"),
                ("trial_intermediate_values", "trial_intermediate_value_id"),
                ("trial_user_attributes", "trial_user_attribute_id"),
                ("trial_system_attributes", "trial_system_attribute_id"),
                ("trial_params", "param_id"),
            )
        ]
        states = database.execute("SELECT state, COUNT(*) FROM trials GROUP BY state").fetchall()
        return str((counts, sorted(states)))
    return ""


def reopen_trials(file: Path, numbers: Iterable[int]) -> None:
    """Take the end of some trials out of a copy, as if they still ran.

    What a trial said of its end stays among its attributes: it is told once more, the same.
    """
    chosen = [(number,) for number in numbers]
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.executemany(
            "DELETE FROM trial_values WHERE trial_id IN "
            "(SELECT trial_id FROM trials WHERE number = ?)",
            chosen,
        )
        database.executemany(
            "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE number = ?",
            chosen,
        )


def remove_database(file: Path) -> None:
    """Remove a database with what SQLite left beside it, before another takes its place."""
    for suffix in ("", *BESIDE):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def _empty_is_fine() -> Iterator[None]:
    with contextlib.suppress(sqlite3.OperationalError):
        yield
