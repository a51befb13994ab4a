"""Open the database that Optuna keeps a study in, and say in one message what it refuses."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from harness.errors import StorageError

DATABASE_FILE = "optuna.db"

# Attributes of trials, beside what an outcome holds.
RETRY_OF = "retry_of"
"""The number of the trial that this one supersedes."""

SUPERSEDED_BY = "superseded_by"
"""The trial that took the place of this one; an outcome's field of this name."""

OVERRIDES = "overrides"
"""Fields of a trial's configuration that its parameters cannot say."""

_LOCK_TIMEOUT_SECONDS = 60


def open_storage(file: Path) -> optuna.storages.RDBStorage:
    """Open a study's SQLite file, making it where there is none.

    Args:
        file: Where it stands.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{file.absolute()}",
        engine_kwargs={"connect_args": {"timeout": _LOCK_TIMEOUT_SECONDS}},
    )
    _write_ahead(storage.engine)
    return storage


@contextlib.contextmanager
def storage_faults(where: Path, remedy: str) -> Iterator[None]:
    """Turn what a database reports into one clear message.

    Args:
        where: The database.
        remedy: What to do about it.

    Raises:
        StorageError: If the block met a fault of the database.
    """
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        cause = str(error.__cause__ or error).splitlines()[0]
        raise StorageError(f"{where}: the database cannot be used: {cause}. {remedy}") from error


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
