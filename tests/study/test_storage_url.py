"""Find where a study is kept, and never show a password."""

import dataclasses
import json
import logging
from pathlib import Path

import pytest

from harness.core.errors import ConfigError, MissingExtraError, StorageError, StudyError
from harness.core.score import Protocol
from harness.runner.open_study import Study
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.storage import Storage, own_storage
from harness.study.storage_url import find_storage, parse_storage
from tests.support.commands import Commands, the_one_message

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
SMOKE = SearchSpace.load("smoke")
WITH_PASSWORD = "postgresql://ann:s3cret@db.example/gans?sslpassword=s3cret&sslmode=require"


def study_in(folder: Path, storage: Storage | None = None) -> Study:
    return Study(folder, "s", space=SMOKE, seed=1, protocol=PROTOCOL, storage=storage)


@pytest.fixture(autouse=True)
def no_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HARNESS_STORAGE", raising=False)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_by_the_driver_that_the_extra_installs(scheme: str):
    storage = parse_storage(f"{scheme}://ann@db/gans", "--storage")
    assert storage.public == "postgresql+psycopg://ann@db/gans"
    assert storage.file is None
    assert not storage.is_own


def test_no_password_is_shown_or_remembered():
    storage = parse_storage(WITH_PASSWORD, "--storage")
    shown = [storage.public, storage.remembered, storage.place, repr(storage), str(storage)]
    shown.append(repr(SweepOptions("s", storage=WITH_PASSWORD)))
    assert "s3cret" not in " ".join(map(str, shown))
    assert storage.public == "postgresql+psycopg://ann@db.example/gans?sslmode=require"
    assert storage.url.password == "s3cret"


@pytest.mark.parametrize(
    "url",
    [
        "nonsense-s3cret",
        "postgresql://ann:s3cret@host:port/db",
        "foo://s3cret",
        "oracle://ann:s3cret@host/db",
        "postgresql://ann:s3cret@host",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_what_is_no_storage_is_refused_without_showing_it(url: str):
    with pytest.raises(ConfigError, match="--storage: expected the URL of a database") as caught:
        parse_storage(url, "--storage")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_driver_says_how_to_get_one():
    storage = parse_storage("mysql://ann:s3cret@host/db", "--storage")
    with pytest.raises(MissingExtraError, match=r"not installed.*pip install pymysql") as caught:
        storage.check()
    assert "s3cret" not in str(caught.value)


def test_a_study_is_kept_in_its_folder_by_default(tmp_path: Path):
    assert find_storage(tmp_path / "s") == own_storage(tmp_path / "s")
    study = study_in(tmp_path)
    study.close()
    assert study.record.storage is None
    assert find_storage(tmp_path / "s").is_own
    assert (tmp_path / "s" / "optuna.db").exists()


def test_a_file_elsewhere_is_found_again(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'all {studies}.db'}"
    study = study_in(tmp_path, parse_storage(url, "--storage"))
    assert study.ask()[0].number == 0
    study.close()
    assert not (tmp_path / "s" / "optuna.db").exists()
    again = study_in(tmp_path)
    assert len(again.interrupted()) == 1
    again.close()


def test_the_environment_is_for_new_studies_and_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study_in(tmp_path).close()
    record = json.loads((tmp_path / "s" / "study.json").read_text())
    monkeypatch.setenv("HARNESS_STORAGE", WITH_PASSWORD)
    assert find_storage(tmp_path / "new").url.password == "s3cret"
    assert find_storage(tmp_path / "new", "sqlite:///a.db").url.database.endswith("/a.db")
    assert find_storage(tmp_path / "s").is_own, "an existing study stays where it is"
    # One that is kept on this server, by whatever name its user has there, gets the password.
    record["storage"] = "postgresql+psycopg://bob@db.example/gans"
    (tmp_path / "s" / "study.json").write_text(json.dumps(record))
    assert find_storage(tmp_path / "s").url.password == "s3cret"
    record["storage"] = "postgresql+psycopg://bob@elsewhere.example/gans"
    (tmp_path / "s" / "study.json").write_text(json.dumps(record))
    assert find_storage(tmp_path / "s").url.password is None
    monkeypatch.setenv("HARNESS_STORAGE", "nonsense")
    with pytest.raises(ConfigError, match="HARNESS_STORAGE: expected the URL"):
        find_storage(tmp_path / "s")


def test_another_storage_than_the_studys_is_refused(tmp_path: Path):
    study_in(tmp_path).close()
    before = (tmp_path / "s" / "study.json").read_bytes()
    with pytest.raises(StudyError, match=r"is kept in .*optuna\.db; received --storage") as caught:
        find_storage(tmp_path / "s", WITH_PASSWORD)
    assert "s3cret" not in str(caught.value)
    own = f"sqlite:///{tmp_path / 's' / 'optuna.db'}"
    assert find_storage(tmp_path / "s", own).is_own
    # A sweep that began the study elsewhere at the same moment is told of it too.
    other = parse_storage(f"sqlite:///{tmp_path / 'other.db'}", "--storage")
    with pytest.raises(StudyError, match=r"storage: .*optuna\.db -> .*other\.db"):
        study_in(tmp_path, other)
    assert (tmp_path / "s" / "study.json").read_bytes() == before
    assert not (tmp_path / "other.db").exists()


def test_an_unreachable_server_is_one_message_and_touches_nothing(tmp_path: Path, caplog):
    url = f"postgresql://ann:s3cret@/gans?host={tmp_path / 'nowhere'}"
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(StorageError, match=r"cannot be used: .*See that the server runs") as caught,
    ):
        study_in(tmp_path, parse_storage(url, "--storage"))
    assert "s3cret" not in str(caught.value) + caplog.text
    assert list(tmp_path.iterdir()) == []


def test_commands_refuse_with_one_message(commands: Commands, tmp_path: Path):
    sweep = ("sweep", "--search-space", "smoke", "--tracker", "none")
    for url, message in (
        ("nonsense", "--storage: expected the URL of a database"),
        ("postgresql://ann:s3cret@localhost:1/db", "the database cannot be used"),
    ):
        result = commands.run(*sweep, "--storage", url, cwd=tmp_path)
        assert message in the_one_message(result)
        assert "s3cret" not in result.stderr + result.stdout
        assert list(tmp_path.iterdir()) == []


def test_a_storage_has_its_own_lease_time():
    storage = dataclasses.replace(parse_storage(WITH_PASSWORD, "here"), lease_seconds=5.0)
    assert storage.lease_seconds == 5.0
    assert storage.is_same(parse_storage("postgresql+psycopg2://db.example/gans", "here"))
