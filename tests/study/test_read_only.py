import dataclasses
from pathlib import Path

import optuna

from harness.study.read_only import copy_of, opened
from harness.study.record import read_study
from harness.study.storage import Storage
from tests.reporting.studies import make_study


def test_a_study_without_a_database_has_no_trials_and_gets_none(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    with opened(Storage(folder), read_study(folder)) as study:
        assert study is None
    assert not (folder / "optuna.db").exists()


def test_what_is_done_to_a_copy_stays_there(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    storage, record = Storage(folder), read_study(folder)
    made = optuna.create_study(study_name="small", storage=storage.open())
    made.add_trial(optuna.trial.create_trial(value=2.0))
    with opened(storage, record) as study:
        copy = copy_of(study.get_trials(), name="a copy", metric="fid")
        copy.add_trial(optuna.trial.create_trial(value=1.0))
        assert (copy.best_value, copy.metric_names) == (1.0, ["fid"])
        assert study.best_value == 2.0
    with opened(storage, dataclasses.replace(record, name="another")) as study:
        assert study is None
