"""Publish studies offline and read back what W&B would show."""

import contextlib
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects
import pytest
from PIL import Image

from harness.core.locks import lock_folder
from harness.tracking import wandb_study
from harness.tracking.identity import TrackerOptions
from harness.tracking.wandb_run import ArtifactContents
from harness.tracking.wandb_study import StudySnapshot, publish_study
from tests.tracking.offline_log import OfflineRun, read_offline_runs
from tests.tracking.trainings import OFFLINE, identify


def snapshot(study: Path, best: float = 1.5) -> StudySnapshot:
    """Return a study of two trials, of which the first has a grid and wins."""
    grid = study / "grid.png"
    noise = np.random.default_rng(0).integers(0, 256, (302, 302), np.uint8)
    Image.fromarray(noise).save(grid)
    generator = study / "generator.keras"
    generator.write_bytes(b"network")
    return StudySnapshot(
        identity=identify(study, "study", job_type="study", folder=study),
        columns=("rank", "trial", "final", "loss.name"),
        rows=[[1, "0001", best, "hinge"], [2, "0000", None, 7]],
        grids=[grid, None],
        plots={"history": plotly.graph_objects.Figure(layout={"title": {"text": "History"}})},
        summary={"trials": {"complete": 1, "failed": 1}, "winner": "0001"},
        winner=ArtifactContents(
            name="default-winner",
            type="model",
            files={file.name: file for file in (generator, grid)},
            aliases=["best", "0001-s2", "0001"],
            metadata={"final": best},
        ),
    )


def published(study: Path) -> OfflineRun:
    (run,) = read_offline_runs(study / "wandb")
    return run


def leaderboard(run: OfflineRun) -> dict[str, Any]:
    """Return the table as W&B uploads it, in an artifact with its pictures."""
    (artifact,) = (each for each in run.artifacts if each["type"] == "run_table")
    files = {
        entry["path"]: Path(entry["local_path"]) for entry in artifact["manifest"]["contents"]
    }
    table: dict[str, Any] = json.loads(files["leaderboard.table.json"].read_text())
    return table


def test_the_run_shows_leaderboard_plots_and_counts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    publish_study(snapshot(tmp_path), OFFLINE)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    run = published(tmp_path)
    assert (run.name, run.group, run.job_type) == ("default study", "default", "study")
    table = leaderboard(run)
    assert table["columns"] == ["grid", "rank", "trial", "final", "loss.name"]
    assert [row[1:] for row in table["data"]] == [[1, "0001", 1.5, "hinge"], [2, "0000", None, 7]]
    assert (table["data"][0][0]["_type"], table["data"][1][0]) == ("image-file", None)
    (plots,) = run.column("plots/history")
    figure = json.loads((run.segments[-1].parent / "files" / plots["path"]).read_text())
    assert figure["layout"]["title"]["text"] == "History"
    assert run.summary["trials"] == {"complete": 1, "failed": 1}
    assert run.exit_codes == [0]


def test_the_winner_is_an_artifact_with_its_protocol(tmp_path: Path):
    publish_study(snapshot(tmp_path), OFFLINE)
    run = published(tmp_path)
    (artifact,) = (each for each in run.artifacts if each["type"] == "model")
    assert artifact["name"] == "default-winner"
    assert sorted(artifact["aliases"]) == ["0001", "0001-s2", "best", "latest"]
    assert json.loads(artifact["metadata"]) == {"final": 1.5}
    kept = {entry["path"]: Path(entry["local_path"]) for entry in artifact["manifest"]["contents"]}
    assert kept["generator.keras"].read_bytes() == b"network"
    assert sorted(kept) == ["generator.keras", "grid.png"]


def test_a_snapshot_takes_the_place_of_the_one_before_and_goes_on_counting(tmp_path: Path):
    publish_study(snapshot(tmp_path, best=3.0), OFFLINE)
    publish_study(snapshot(tmp_path, best=1.5), OFFLINE)
    run = published(tmp_path)
    assert run.column("_step") == [1]
    assert leaderboard(run)["data"][0][3] == 1.5
    folders = [path.name for path in (tmp_path / "wandb").iterdir() if "run-" in path.name]
    assert folders == [run.segments[0].parent.name]


def test_a_damaged_log_is_replaced(tmp_path: Path):
    publish_study(snapshot(tmp_path), OFFLINE)
    (segment,) = published(tmp_path).segments
    segment.write_bytes(b"not a log")
    publish_study(snapshot(tmp_path), OFFLINE)
    assert published(tmp_path).exit_codes == [0]


def test_thumbnails_are_small_and_bounded_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    three = snapshot(tmp_path)
    rows, grids = [[i, f"{i:04d}", 1.0, "hinge"] for i in range(3)], [three.grids[0]] * 3
    three = dataclasses.replace(three, rows=rows, grids=grids, plots={}, winner=None)
    publish_study(three, OFFLINE)
    (table,) = published(tmp_path).artifacts
    sizes = [
        int(entry["size"])
        for entry in table["manifest"]["contents"]
        if entry["path"].endswith(".jpg")
    ]
    assert len(sizes) == 1  # the same picture three times is kept once
    # Noise of 160 x 160 grey pixels is the worst case; a byte a pixel would be 25,600.
    assert sizes[0] < 25_600
    # Room for one of them, but not for two.
    monkeypatch.setattr(wandb_study, "_THUMBNAIL_BYTES", int(1.5 * sizes[0]))
    publish_study(three, OFFLINE)
    shown = [row[0] is not None for row in leaderboard(published(tmp_path))["data"]]
    assert shown == [True, False, False]


def test_images_can_be_left_out(tmp_path: Path):
    publish_study(snapshot(tmp_path), dataclasses.replace(OFFLINE, images=False))
    table = leaderboard(published(tmp_path))
    assert [row[0] for row in table["data"]] == [None, None]


def test_nothing_is_written_where_wandb_is_disabled(tmp_path: Path):
    publish_study(snapshot(tmp_path), TrackerOptions(wandb_mode="disabled"))
    assert not (tmp_path / "wandb").exists()


def test_two_do_not_publish_one_study_at_once(tmp_path: Path):
    with contextlib.closing(lock_folder(tmp_path / "wandb" / "study", "it is taken.")):
        publish_study(snapshot(tmp_path), OFFLINE)
    assert read_offline_runs(tmp_path / "wandb") == []


def test_a_failure_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    broken = snapshot(tmp_path)
    (tmp_path / "generator.keras").unlink()
    with caplog.at_level(logging.WARNING, wandb_study.LOGGER.name):
        publish_study(broken, OFFLINE)
    (record,) = caplog.records
    assert "W&B failed for the run of study default (ValueError" in record.getMessage()
