import dataclasses
from pathlib import Path

import optuna

from harness.study.read_only import copy_of, load_study
from harness.study.record import read_study
from harness.study.storage import TrialStorage
from tests.reporting.studies import make_study


def test_a_study_without_a_journal_has_no_trials_and_gets_none(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    assert load_study(folder, read_study(folder)) is None
    assert not (folder / "optuna.jsonl").exists()


def test_what_is_done_to_a_copy_stays_there(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    record = read_study(folder)
    made = TrialStorage(folder, writes=True).open_study("small")
    made.add_trial(optuna.trial.create_trial(value=2.0))
    before = (folder / "optuna.jsonl").read_bytes()
    study = load_study(folder, record)
    copy = copy_of(study.get_trials(), name="a copy", metric="fid")
    copy.add_trial(optuna.trial.create_trial(value=1.0))
    assert (copy.best_value, copy.metric_names) == (1.0, ["fid"])
    assert study.best_value == 2.0
    assert load_study(folder, dataclasses.replace(record, name="another")) is None
    assert (folder / "optuna.jsonl").read_bytes() == before
