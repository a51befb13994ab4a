"""Open the database that Optuna keeps a study in, and say in one message what it refuses."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from harness.core.errors import MissingExtraError, StorageError
from harness.study.leases import LEASE_SECONDS, Leases
from harness.study.record import StudyRecord

STORAGE_VARIABLE = "HARNESS_STORAGE"
"""The environment variable that names a storage, or brings its password."""

# Attributes of trials, beside what an outcome holds.
RETRY_OF = "retry_of"
"""The number of the trial that this one supersedes."""

SUPERSEDED_BY = "superseded_by"
"""The trial that took the place of this one; an outcome's field of this name."""

OVERRIDES = "overrides"
"""Fields of a trial's configuration that its parameters cannot say."""

_LOCK_TIMEOUT_SECONDS = 60
_CONNECT_TIMEOUT_SECONDS = 10
_FAULTS = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError)


@dataclasses.dataclass(frozen=True)
class Storage:
    """Point at the database of a study.

    Args:
        url: Where it is, with the password.
        is_own: Whether it is the file in the study's own folder.
        lease_seconds: How long a sweep that shares the study may be silent before the others
            take its trials over.
    """

    url: sqlalchemy.URL = dataclasses.field(repr=False)
    is_own: bool = False
    lease_seconds: float = LEASE_SECONDS

    @property
    def file(self) -> Path | None:
        """Return the SQLite file; None for a server."""
        is_file = self.url.get_backend_name() == "sqlite"
        return Path(self.url.database or "") if is_file else None

    @property
    def public(self) -> str:
        """Return the URL without any password."""
        return without_secrets(self.url).render_as_string(hide_password=False)

    @property
    def remembered(self) -> str | None:
        """Return what the study's record says of it; None for the file in its folder."""
        return None if self.is_own else self.public

    @property
    def place(self) -> str:
        """Return what messages call it."""
        return str(self.file or self.public)

    def is_same(self, other: "Storage") -> bool:
        """Return whether both are one database, whoever asks for it through whichever driver."""
        return _identity(self.url) == _identity(other.url)

    def check(self) -> None:
        """Try whether a server answers; changes nothing.

        Raises:
            MissingExtraError: If its driver is not installed.
            StorageError: If it does not answer, or refuses.
        """
        if self.file is None:
            with self.engine() as engine, engine.connect():
                pass

    def open(self) -> optuna.storages.RDBStorage:
        """Open it, making Optuna's tables where there are none; to be called within `faults`.

        Raises:
            MissingExtraError: If its driver is not installed.
            StorageError: If a server cannot be used.
        """
        if self.file is not None:
            return self._open()
        # Of two sweeps that make the tables at once, one would fail.
        with self.engine() as engine, Leases(engine, "", seconds=30).held("tables"):
            return self._open()

    @contextlib.contextmanager
    def engine(self) -> Iterator[sqlalchemy.Engine]:
        """Give a connection apart from Optuna's, to the end of the block.

        Raises:
            MissingExtraError: If its driver is not installed.
            StorageError: If it cannot be used.
        """
        try:
            engine = sqlalchemy.create_engine(self.url, **self._engine_options())
        except ImportError as error:
            raise MissingExtraError(
                f"{self.place}: its driver is not installed ({error}). Install it: for PostgreSQL "
                f"`pip install 'gan-sweep-harness[postgres]'`, for MySQL `pip install pymysql` "
                f"and mysql+pymysql:// in the URL."
            ) from error
        try:
            with self.faults():
                yield engine
        finally:
            engine.dispose()

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
            if self.url.password:
                cause = cause.replace(str(self.url.password), "***")
            raise StorageError(
                f"{self.place}: the database cannot be used: {cause}. {remedy or self._remedy}"
            ) from error

    @property
    def _remedy(self) -> str:
        if self.file is not None:
            return (
                "Free the disk, mend the permissions or end the process that holds it, then give "
                "the same command again."
            )
        return (
            f"See that the server runs and lets you in; the password comes with --storage, "
            f"{STORAGE_VARIABLE} or the driver's own file, e.g. ~/.pgpass. Then give the same "
            f"command again."
        )

    def _open(self) -> optuna.storages.RDBStorage:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        text = self.url.render_as_string(hide_password=False)
        for brace in "{}":  # Optuna fills in templates
            text = text.replace(brace, 2 * brace)
        try:
            storage = optuna.storages.RDBStorage(text, engine_kwargs=self._engine_options())
        except RuntimeError as error:  # another version of Optuna made the tables
            raise StorageError(f"{self.place}: {error}") from error
        if self.file is not None:
            _write_ahead(storage.engine)
        return storage

    def _engine_options(self) -> dict[str, Any]:
        if self.file is not None:
            return {"connect_args": {"timeout": _LOCK_TIMEOUT_SECONDS}}
        options: dict[str, Any] = {"pool_pre_ping": True}  # survives a server that was restarted
        if self.url.get_backend_name() == "postgresql":
            options["connect_args"] = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS}
        return options


def own_storage(folder: Path) -> Storage:
    """Return the SQLite file in a study's folder, where studies are kept by default."""
    file = (folder / "optuna.db").absolute()
    return Storage(sqlalchemy.URL.create("sqlite", database=str(file)), is_own=True)


def optuna_name(record: StudyRecord) -> str:
    """Return what Optuna calls a study; in a shared database names alone might meet."""
    return record.name if record.storage is None else f"{record.name}-{record.id}"


def without_secrets(url: sqlalchemy.URL) -> sqlalchemy.URL:
    """Return a URL that may be shown and stored."""
    query = {key: value for key, value in url.query.items() if "pass" not in key.lower()}
    return sqlalchemy.URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database, query
    )


def _identity(url: sqlalchemy.URL) -> tuple[object, ...]:
    hosts = url.query.get("host")
    return url.get_backend_name(), url.host, url.port, url.database, hosts


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
