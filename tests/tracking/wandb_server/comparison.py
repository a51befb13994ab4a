"""Compare what a server was given with the folder of the study: all of it, once, nothing else."""

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness.core.events import Progressed, RungScored
from harness.core.outcome import State
from harness.data.image_opener import read_grid
from harness.reporting.trials import read_ranked
from harness.study.leaderboard import Entry, read_entries
from harness.study.record import read_study
from harness.tracking.identity import run_id
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from tests.tracking.wandb_server.received import Received, ReceivedRun

_LOGGED = ("kimg", "generator_loss", "discriminator_loss", "accuracy_real", "accuracy_fake")
_STATES = [state.value for state in State]


def assert_whole(received: Received, study: Path) -> None:
    """Check the runs of all trainings of a study, and the run that shows the study.

    Args:
        received: What the server was given.
        study: The study's folder.
    """
    assert received.unknown == []
    record, entries = read_study(study), read_entries(study)
    runs = {entry.name: run_id(record.id, entry.name) for entry in entries}
    shown = {run.id for run in received.runs.values() if run.fields["groupName"] == record.name}
    extra = {run_id(record.id, name) for name in ("study", "export")}
    assert shown - extra == set(runs.values())
    for entry in entries:
        assert_training(received.runs[runs[entry.name]], entry, record.name)
    assert_study(received, study, entries)


def assert_training(run: ReceivedRun, entry: Entry, study: str) -> None:
    """Check one training: losses, rungs, the bytes of its grids, its fields, its outcome."""
    folder = entry.folder.path
    history = read_history(folder / HISTORY_NAME)
    progress = [event for event in history if isinstance(event, Progressed)]
    rungs = [event for event in history if isinstance(event, RungScored)]
    losses = [row for row in run.rows if "generator_loss" in row]
    scored = [row for row in run.rows if "rung" in row]
    assert [[row[key] for key in _LOGGED] for row in losses] == [
        [getattr(event, key) for key in _LOGGED] for event in progress
    ]
    assert [
        (row["rung"], row["rung_kimg"], row[_name(event)], row["kimg"])
        for row, event in zip(scored, rungs, strict=True)
    ] == [(event.rung, event.kimg, event.score.value, event.score.kimg) for event in rungs]
    assert len(run.rows) <= len(losses) + len(scored)
    assert run.column("_step") == list(range(len(run.rows)))
    assert run.rewritten == []
    grids = [(folder / event.grid).read_bytes() for event in rungs]
    assert run.media("grid") == grids
    assert len([path for path in run.files if path.startswith("media/")]) == len(grids)
    config = {key: value for key, value in run.config.items() if key != "_wandb"}
    assert config == entry.config.model_dump(mode="json")
    assert (run.fields["displayName"], run.fields["groupName"]) == (f"{study} {entry.name}", study)
    assert entry.config.family in run.fields["tags"]
    outcome = entry.outcome
    assert run.summary["outcome"] == {
        "state": outcome.state.value,
        "reason": outcome.reason.value,
        "detail": outcome.detail,
    }
    if outcome.final is not None:
        assert run.summary[f"final_{outcome.final.protocol.name}"] == outcome.final.value
    assert run.states[-1] == ("failed" if outcome.state.value == "failed" else "finished")


def assert_study(received: Received, study: Path, entries: list[Entry]) -> None:
    """Check the study's run: counts, plots, and a leaderboard that shows every training."""
    record = read_study(study)
    run = received.runs[run_id(record.id, "study")]
    assert run.states[-1] == "finished"
    assert run.fields["jobType"] == "study"
    ended = [entry.outcome for entry in entries if entry.is_trial]
    states = Counter(outcome.state.value for outcome in ended)
    reasons = Counter(outcome.reason.value for outcome in ended)
    counted = {key: number for key, number in run.summary["trials"].items() if key in _STATES}
    assert (counted, run.summary["reasons"]) == (states, reasons)
    plots = {key: value for key, value in run.rows[-1].items() if key.startswith("plots/")}
    assert plots
    for plot in plots.values():
        assert json.loads(run.files[plot["path"]])["data"]
    rows = leaderboard(received, study)
    assert sorted(rows) == sorted(entry.name for entry in entries)
    drawn = {entry.name: read_ranked(entry, 1).best_rung for entry in entries}
    grids = {name: best.grid for name, best in drawn.items() if best and best.grid}
    for entry in entries:
        row, outcome = rows[entry.name], entry.outcome
        assert (row["state"], row["reason"]) == (outcome.state.value, outcome.reason.value)
        assert row["final"] == (outcome.final.value if outcome.final else None)
        assert (row["grid"] is not None) == (entry.name in grids), entry.name
        if row["grid"] is not None:  # JPEG changed it, but another training's is further off
            off = {name: _difference(row["grid"], grid) for name, grid in grids.items()}
            assert min(off, key=off.__getitem__) == entry.name, off


def _difference(thumbnail: Image.Image, grid: Path) -> float:
    """Return the mean difference of a thumbnail from a grid made as small, of 256 levels."""
    small = read_grid(grid).convert("RGB")
    small.thumbnail(thumbnail.size, Image.Resampling.LANCZOS)
    shown = np.asarray(thumbnail.convert("RGB"), np.float64)
    return float(np.abs(shown - np.asarray(small.resize(thumbnail.size), np.float64)).mean())


def leaderboard(received: Received, study: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the newest leaderboard by trial, each with its picture decoded."""
    artifact = received.latest(run_id(read_study(study).id, "study"), "run_table")
    files = artifact.contents()
    table = json.loads(files["leaderboard.table.json"])
    rows = [dict(zip(table["columns"], values, strict=True)) for values in table["data"]]
    for row in rows:
        row["grid"] = row["grid"] and Image.open(io.BytesIO(files[row["grid"]["path"]]))
    assert len({row["trial"] for row in rows}) == len(rows)
    return {row["trial"]: row for row in rows}


def _name(event: RungScored) -> str:
    return event.score.protocol.name
