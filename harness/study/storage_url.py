"""Find the database of a study: where `--storage` says, or where the study was begun.

A study remembers its database's URL without the password. The password comes with `--storage`,
with the environment variable `HARNESS_STORAGE`, or from where the driver looks by itself, such as
`~/.pgpass`; it is never written anywhere.
"""

import dataclasses
import os
from pathlib import Path

import sqlalchemy

from harness.core.errors import ConfigError, StudyError
from harness.study.leases import DATABASES
from harness.study.record import read_study
from harness.study.storage import STORAGE_VARIABLE, Storage, own_storage, without_secrets

# The driver that the extra `postgres` installs.
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def find_storage(folder: Path, given: str | None = None, *, hint: str | None = None) -> Storage:
    """Return the database of a study, or the one that a new study shall have.

    Args:
        folder: The study's folder.
        given: What `--storage` says; it must be the database that an existing study has.
        hint: Another URL that may bring the password. `HARNESS_STORAGE` is one too; a new study
            begins there where nothing else is given.

    Raises:
        ConfigError: If a URL cannot be read.
        StudyError: If the study has another database than the one given.
    """
    asked = parse_storage(given, "--storage") if given else None
    default = os.environ.get(STORAGE_VARIABLE)
    spare = parse_storage(default, STORAGE_VARIABLE) if default else None
    if not (folder / "study.json").exists():
        return asked or spare or own_storage(folder)
    remembered = read_study(folder).storage
    stored = parse_storage(remembered, "study.json") if remembered else own_storage(folder)
    if asked is not None and not asked.is_same(stored):
        raise StudyError(
            f"{folder}: the study is kept in {stored.place}; received --storage {asked.public}. "
            f"Leave --storage away, or choose a new --study. If its database has moved, say where "
            f"to in {folder / 'study.json'}."
        )
    other = parse_storage(hint, "--storage") if hint else None
    for each in (asked, other, spare):
        if each is not None and each.is_same(stored):
            return dataclasses.replace(stored, url=each.url)
    return stored


def parse_storage(text: str, source: str) -> Storage:
    """Return the database that a URL names.

    Args:
        text: A URL as Optuna and SQLAlchemy know them.
        source: Where it was given, for messages; the URL itself may hold a password.

    Raises:
        ConfigError: If it is none, or names a database of another kind.
    """
    expected = (
        "expected the URL of a database, such as postgresql://user@host/name, "
        "mysql+pymysql://user@host/name or sqlite:///path/to/file"
    )
    try:
        url = sqlalchemy.make_url(text)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        url.get_dialect()
    except (ValueError, sqlalchemy.exc.SQLAlchemyError, ImportError):
        # What was received may be a password: neither it nor the cause is shown.
        raise ConfigError(f"{source}: {expected}; received something else.") from None
    backend = url.get_backend_name()
    if backend not in DATABASES or not url.database or url.database == ":memory:":
        raise ConfigError(f"{source}: {expected}; received {without_secrets(url)}.")
    if backend == "sqlite":
        url = url.set(database=str(Path(url.database).absolute()))
    return Storage(url)
