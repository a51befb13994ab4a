"""Read what a report says from a study's folder alone."""

import json
import shutil
from pathlib import Path

import pytest

from harness.confirmation.result import write_result
from harness.core.errors import StorageError
from harness.core.outcome import Reason
from harness.reporting.report_data import ReportData, add_up, read_report
from tests.reporting.studies import Clock, add_training, confirmation, make_study, score


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
    counts = {"complete": 2, "pruned": 1, "failed": 1, "paused": 0, "running": 1}
    assert data.counts == counts
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


def test_what_was_spent_is_told_by_state(data: ReportData):
    compute = data.compute
    # Complete: 32 kimg at 1 and at 2 seconds. Pruned: 8 at 3. Failed: 1 at 1. Running: 8 at 1.
    assert compute.spent == {"complete": 96.0, "pruned": 24.0, "failed": 1.0, "running": 8.0}
    assert compute.total == compute.spent_training == 129.0
    # 0002 was cut at 8 of 32 kimg: 24 left at 3 seconds each. Failures save nothing.
    assert (compute.saved, compute.saved_kimg) == (72.0, 24.0)
    assert compute.saved_share == pytest.approx(72 / 201)
    assert compute.spent_kimg == 32 + 32 + 8 + 1 + 8


def test_pruning_does_not_save_what_costs_once(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    clock = Clock(per_kimg=0.5, compiling=100, per_score=4)
    add_training(folder / "trials" / "0000", [5.0, 2.0], Reason.FINISHED, final=2.2, clock=clock)
    add_training(folder / "trials" / "0001", [9.0], Reason.OUTRANKED, clock=clock)
    compute = read_report(folder).compute
    # 0000 compiles twice, trains 32 kimg and is scored three times; 0001 8 kimg and once.
    assert compute.spent == {"complete": 200 + 16 + 12, "pruned": 200 + 4 + 4}
    assert compute.spent_training == pytest.approx(100 + 16 + 100 + 4)
    # 24 kimg and two scores, of the last rung and the end, that 0000 tells the cost of. By all
    # of its time a kimg, 26 s, the cut would seem to have saved 624 s.
    assert compute.saved == pytest.approx(24 * 0.5 + 2 * 4)


def test_what_nobody_can_tell_is_not_claimed(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    add_training(folder / "trials" / "0000", [9.0], Reason.OUTRANKED, clock=Clock(per_score=4))
    assert read_report(folder).compute.saved == 24  # kimg at 1 s, and scores of unknown cost


def test_baselines_and_new_seeds_are_no_part_of_the_search(data: ReportData):
    compute = add_up(data.baselines, (8, 32), confirmation())
    assert (compute.total, compute.spent_kimg, compute.saved) == (0, 0, 0)
    assert compute.baselines == 32
    assert compute.confirmation == 5 * 32  # three seeds and two
