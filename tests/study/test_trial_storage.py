"""Show a part of the trials, and say in one message what a journal is damaged by."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from harness.core.errors import StorageError, StudyError
from harness.study.trial_storage import TrialStorage, copy_of, journal_file, open_read_only
from tests.reporting.studies import make_study


def test_while_some_trials_are_shown_the_others_are_not_seen(tmp_path: Path):
    storage = TrialStorage(tmp_path, writes=True)
    study = storage.open_study("s")
    for value in range(4):
        study.tell(study.ask(), value)
    running = study.ask()
    with storage.showing([study.trials[1], study.trials[4]]):
        assert [trial.number for trial in study.get_trials()] == [1, 4]
        (complete,) = study.get_trials(states=(TrialState.COMPLETE,))
        assert complete.number == 1
        running.suggest_float("rate", 0, 1)
    assert len(study.trials) == 5
    assert list(study.trials[4].params) == ["rate"]


def test_opening_again_writes_nothing(tmp_path: Path):
    TrialStorage(tmp_path, writes=True).open_study("s").ask()
    before = journal_file(tmp_path).read_bytes()
    study = TrialStorage(tmp_path, writes=True).open_study("another name")
    assert (study.study_name, len(study.trials)) == ("s", 1)
    assert journal_file(tmp_path).read_bytes() == before


@pytest.mark.parametrize(
    "log",
    [
        {},
        {"op_code": 99, "worker_id": "w"},
        {"op_code": "four", "worker_id": "w"},
        {"op_code": 5, "worker_id": "w", "trial_id": 0, "param_name": "x", "distribution": 3},
    ],
)
def test_an_operation_that_optuna_cannot_take_in_is_one_message(tmp_path: Path, log: object):
    TrialStorage(tmp_path, writes=True).open_study("s").ask()
    file = journal_file(tmp_path)
    file.write_text(file.read_text() + json.dumps(log) + "\n")
    damaged = file.read_bytes()
    with pytest.raises(StorageError, match=r"optuna\.jsonl: the journal is damaged: .*--repair"):
        TrialStorage(tmp_path, writes=True)
    assert file.read_bytes() == damaged


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
    with pytest.raises(StudyError, match=rf"--study {tmp_path.name} .* --repair` makes"):
        open_read_only(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["optuna.db"]
