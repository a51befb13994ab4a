"""Read what a report says from a study's folder alone."""

import json
import shutil
from pathlib import Path

import pytest

from harness.confirmation.result import write_result
from harness.core.errors import StorageError
from harness.core.outcome import Reason
from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import add_training, confirmation, make_study, score


def names(data: ReportData) -> list[str]:
    return [trial.name for trial in data.trials]


def test_trainings_stand_best_first_and_running_ones_last(data: ReportData):
    ranked = ["0001", "0000", "baseline-mlp_cgan", "0002", "0003"]
    assert names(data) == [*ranked, "0004"]
    assert [trial.rank for trial in data.trials] == [1, 2, 3, 4, 5, 0]
    assert data.winner == "0001"
    assert data.best.final.value == 1.1
    assert [trial.title for trial in data.baselines] == ["mlp_cgan"]


def test_states_and_reasons_leave_baselines_out(data: ReportData):
    assert data.counts == {"complete": 2, "pruned": 1, "failed": 1, "running": 1}
    reasons = {reason: [t.name for t in trials] for reason, trials in data.reasons.items()}
    assert reasons == {
        "finished": ["0001", "0000"],
        "outranked": ["0002"],
        "diverged": ["0003"],
        "running": ["0004"],
    }


def test_a_superseded_trial_is_shown_but_not_counted(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    ended = add_training(folder / "trials" / "0000", [], Reason.OUT_OF_MEMORY)
    record = json.loads(ended.outcome_file.read_text()) | {"superseded_by": "0001"}
    ended.outcome_file.write_text(json.dumps(record))
    data = read_report(folder)
    assert names(data) == ["0000"]
    assert sum(data.counts.values()) == 0
    assert data.reasons == {}


def test_only_what_was_searched_is_named(data: ReportData):
    assert data.searched == (
        "generator.name",
        "discriminator.name",
        "generator.learning_rate",
        "batch_size",
        "loss.name",
    )
    assert data.rungs_kimg == (8, 32)


def test_the_test_score_is_that_of_the_exported_winner(small_study: Path, tmp_path: Path):
    folder = tmp_path / "small"
    shutil.copytree(small_study, folder)
    (folder / "export").mkdir()
    metrics = folder / "export" / "metrics.json"
    bundle = {
        "study_id": "a-study",
        "trial": "0001",
        "test": score(1.3, 32).to_dict(),
        "formats": [{"format": "keras"}, {"format": "onnx"}],
    }
    metrics.write_text(json.dumps(bundle))
    data = read_report(folder)
    assert (data.exported.training, data.exported.test.value) == ("0001", 1.3)
    assert data.lineage.commands[-1].endswith("export --study small-again --formats keras,onnx")
    metrics.write_text(json.dumps(bundle | {"trial": "0001-s2"}))  # of a confirmed winner
    assert read_report(folder).exported.training == "0001-s2"
    for other in (bundle | {"trial": "0000"}, bundle | {"test": "lost"}, []):
        metrics.write_text(json.dumps(other))
        assert read_report(folder).exported is None


def test_the_confirmed_winner_goes_before_the_search_s(data: ReportData, confirmed: ReportData):
    assert data.winner == "0001"
    assert data.confirmed is None
    assert confirmed.winner == "0000"
    assert confirmed.best.name == "0000"
    assert confirmed.confirmed.mean == pytest.approx(1.5)
    assert confirmed.to_dict()["confirmation"]["winner"] == "0000"


def test_a_confirmation_under_way_changes_no_winner(small_study: Path, tmp_path: Path):
    folder = Path(shutil.copytree(small_study, tmp_path / "small"))
    write_result(folder, confirmation(winner=None))
    data = read_report(folder)
    assert data.winner == "0001"
    assert data.confirmed is None
    assert data.confirmation is not None


def test_a_study_that_has_only_begun_has_a_report(tmp_path: Path):
    data = read_report(make_study(tmp_path / "small"))
    assert data.trials == ()
    assert data.best is None
    assert data.effects is None
    assert data.compute.saved_share == 0


def test_a_damaged_outcome_is_refused(small_study: Path, tmp_path: Path):
    folder = tmp_path / "small"
    shutil.copytree(small_study, folder)
    (folder / "trials" / "0000" / "outcome.json").write_text("{}")
    with pytest.raises(StorageError, match="expected the outcome of a training"):
        read_report(folder)


def test_data_are_ready_for_json(data: ReportData):
    record = json.loads(json.dumps(data.to_dict(), allow_nan=False))
    assert record["winner"]["trial"] == "0001"
    assert record["winner"]["rungs"][0]["interval"] == [3.9, 4.1]
    assert record["lineage"]["seed"] == 3
    assert record["lineage"]["winner_seed"] == 7
    assert "--seed 3 --trials 5 --baselines" in record["lineage"]["commands"][0]
    assert len(record["leaderboard"]) == 6
