"""Show a part of the trials, and say in one message what a journal is damaged by."""

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from harness.core.errors import StorageError
from harness.study.trial_storage import TrialStorage, journal_file


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
