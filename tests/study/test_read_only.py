from pathlib import Path

import optuna
import pytest

from harness.core.errors import StorageError, StudyError
from harness.study.read_only import copy_of, open_read_only
from harness.study.trial_storage import TrialStorage
from tests.reporting.studies import make_study


def test_a_study_without_a_journal_has_no_trials_and_gets_none(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    before = sorted(folder.iterdir())
    assert open_read_only(folder) is None
    assert sorted(folder.iterdir()) == before


def test_a_reader_beside_a_writer_sees_its_trials_and_changes_nothing(tmp_path: Path):
    storage = TrialStorage(tmp_path, writes=True)
    assert open_read_only(tmp_path) is None  # a process may have died before it made the study
    made = storage.open_study("small")
    made.add_trial(optuna.trial.create_trial(value=2.0))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    study = open_read_only(tmp_path)
    assert study is not None
    assert study.best_value == 2.0
    with pytest.raises(StorageError, match=r"optuna\.jsonl: is not open for writing"):
        study.ask()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_done_to_a_copy_stays_there(tmp_path: Path):
    made = TrialStorage(tmp_path, writes=True).open_study("small")
    made.add_trial(optuna.trial.create_trial(value=2.0))
    copy = copy_of(made.get_trials(), name="a copy", metric="fid")
    copy.add_trial(optuna.trial.create_trial(value=1.0))
    assert (copy.best_value, copy.metric_names) == (1.0, ["fid"])
    assert made.best_value == 2.0


def test_the_database_of_an_earlier_version_is_one_message(tmp_path: Path):
    optuna.create_study(study_name="old", storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    with pytest.raises(StudyError, match=rf"--study {tmp_path.name} --repair makes it from"):
        open_read_only(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["optuna.db"]
