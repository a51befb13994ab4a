"""Open the database that Optuna keeps a study in, and say in one message what it refuses."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from harness.core.errors import StorageError

# Attributes of trials, beside what an outcome holds.
RETRY_OF = "retry_of"
"""The number of the trial that this one supersedes."""

SUPERSEDED_BY = "superseded_by"
"""The trial that took the place of this one; an outcome's field of this name."""

OVERRIDES = "overrides"
"""Fields of a trial's configuration that its parameters cannot say."""

_LOCK_TIMEOUT_SECONDS = 60
_FAULTS = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError)


@dataclasses.dataclass(frozen=True)
class Storage:
    """The SQLite file that Optuna keeps a study in.

    Args:
        folder: The study's folder.
    """

    folder: Path

    @property
    def file(self) -> Path:
        """Return the file; it need not exist yet."""
        return (self.folder / "optuna.db").absolute()

    def open(self) -> optuna.storages.RDBStorage:
        """Open it, making Optuna's tables where there are none; to be called within `faults`.

        Raises:
            StorageError: If another version of Optuna made the tables.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = sqlalchemy.URL.create("sqlite", database=str(self.file)).render_as_string()
        for brace in "{}":  # Optuna fills in templates
            url = url.replace(brace, 2 * brace)
        options = {"connect_args": {"timeout": _LOCK_TIMEOUT_SECONDS}}
        try:
            storage = optuna.storages.RDBStorage(url, engine_kwargs=options)
        except RuntimeError as error:  # another version of Optuna made the tables
            raise StorageError(f"{self.file}: {error}") from error
        _write_ahead(storage.engine)
        return storage

    @contextlib.contextmanager
    def faults(self, remedy: str | None = None) -> Iterator[None]:
        """Turn what the database reports into one clear message.

        Args:
            remedy: What to do about it, where that is special.

        Raises:
            StorageError: If the database cannot be used.
        """
        try:
            yield
        except _FAULTS as error:
            cause = (str(error.__cause__ or error).strip().splitlines() or [""])[0]
            remedy = remedy or (
                "Free the disk, mend the permissions or end the process that holds it, then give "
                "the same command again."
            )
            raise StorageError(
                f"{self.file}: the database cannot be used: {cause}. {remedy}"
            ) from error


def _write_ahead(engine: sqlalchemy.Engine) -> None:
    """Let SQLite append to a log instead of syncing its file for each parameter suggested.

    Asking for a trial of twenty parameters takes a quarter of the time. A killed process loses
    nothing; only a power cut may take the last moments from the database.
    """

    def configure(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    sqlalchemy.event.listen(engine, "connect", configure)
    engine.dispose()  # connections opened before this must not linger
