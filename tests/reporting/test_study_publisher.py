import json
import logging
from pathlib import Path

import pytest

from harness.core.events import Finished, Started
from harness.core.outcome import Outcome, Reason
from harness.reporting import study_publisher
from harness.reporting.study_publisher import StudyRun, publish, read_snapshot
from harness.runner.job_source import NullListener
from harness.tracking.identity import TrackerOptions
from tests.conftest import SweptStudy
from tests.reporting.studies import config, make_small_study
from tests.tracking.offline_log import read_offline_runs

OFFLINE = TrackerOptions(wandb_mode="offline")


def test_a_snapshot_says_what_the_folder_holds(small_study: Path):
    found = read_snapshot(small_study)
    named = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    # The one that runs is left out; what never came to the end stands behind.
    assert [row["trial"] for row in named] == [
        "0001", "0000", "baseline-mlp_cgan", "0002", "0003",
    ]  # fmt: skip
    assert [row["final"] for row in named] == [1.1, 2.2, 7.1, None, None]
    assert [row["reason"] for row in named][3:] == ["outranked", "diverged"]
    assert named[0]["loss.name"] == "non_saturating"
    assert named[0]["batch_size"] == 16
    assert [grid.name if grid else None for grid in found.grids][:1] == ["kimg_000032.png"]
    assert found.grids[4] is None


def test_the_summary_counts_trials_and_what_pruning_saved(small_study: Path):
    summary = read_snapshot(small_study).summary
    assert summary["trials"] == {"complete": 2, "pruned": 1, "failed": 1}
    assert summary["reasons"] == {"finished": 2, "outranked": 1, "diverged": 1}
    # Trial 0002 was cut at 8 of 32 kimg, at 3 s a kimg: (32 - 8) * 3 = 72 s.
    assert summary["compute_seconds"]["saved"] == pytest.approx(72)
    assert summary["compute_seconds"]["saved_kimg"] == pytest.approx(24)
    assert summary["final_fid_fashion_cnn@1000"] == 1.1
    assert summary["winner"] is None  # it kept no generator


def test_the_winner_is_handed_over_with_its_protocol(tmp_path: Path):
    folder = make_small_study(tmp_path / "small")
    (folder / "trials" / "0001" / "generator.keras").write_bytes(b"network")
    winner = read_snapshot(folder).winner
    assert winner.aliases == ["best", "0001"]
    assert list(winner.files) == [
        "generator.keras", "config.yaml", "kimg_000032.png",
    ]  # fmt: skip
    assert winner.metadata["final"]["value"] == 1.1
    assert winner.metadata["protocol"]["num_images"] == 1000
    json.dumps(winner.metadata)


@pytest.mark.slow
def test_it_is_published_when_a_trial_ends_and_it_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = make_small_study(tmp_path / "small")
    run = StudyRun(folder, NullListener(), tracker="wandb", options=OFFLINE)
    ended = Finished(Outcome(Reason.DIVERGED, "", 1.0, 1.0))
    run.hear("0003", config(), ended)
    assert not (folder / "wandb").exists()  # the sweep has only begun
    monkeypatch.setattr(study_publisher, "REFRESH_SECONDS", 0.0)
    run.hear("0003", config(), Started(0.0, 1, 1))
    assert not (folder / "wandb").exists()
    run.hear("0003", config(), ended)
    (found,) = read_offline_runs(folder / "wandb")
    assert (found.id, found.job_type) == ("a-study-study", "study")


@pytest.mark.parametrize("tracker", ["jsonl", "none"])
def test_other_trackers_publish_nothing(small_study: Path, tracker: str):
    StudyRun(small_study, NullListener(), tracker=tracker, options=OFFLINE).publish()
    assert not (small_study / "wandb").exists()


def test_there_is_nothing_to_publish_before_a_study_has_results(tmp_path: Path):
    publish(tmp_path / "none", OFFLINE)
    assert not (tmp_path / "none").exists()


def test_a_study_that_cannot_be_read_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = make_small_study(tmp_path / "small")
    (folder / "search_space.yaml").write_text("name: [")
    with caplog.at_level(logging.WARNING, study_publisher.LOGGER.name):
        StudyRun(folder, NullListener(), tracker="wandb", options=OFFLINE).publish()
    assert "The study's run in W&B was not brought up to date" in caplog.text


def test_a_sweep_leaves_the_run_of_its_study(swept: SweptStudy):
    (run,) = (r for r in read_offline_runs(swept.folder / "wandb") if r.job_type == "study")
    assert (run.name, run.group) == ("endings study", "endings")
    assert run.summary["trials"] == {"complete": 1, "pruned": 1, "failed": 2}
    assert run.summary["winner"] == "0000"
    assert {key for key in run.rows[0] if key.startswith("plots/")} == {
        "plots/history",
        "plots/intermediate_values",
        "plots/parallel_coordinate",
    }
    (model,) = (each for each in run.artifacts if each["type"] == "model")
    kept = {entry["path"]: Path(entry["local_path"]) for entry in model["manifest"]["contents"]}
    generator = swept.folder / "trials" / "0000" / "generator.keras"
    assert kept["generator.keras"].read_bytes() == generator.read_bytes()
