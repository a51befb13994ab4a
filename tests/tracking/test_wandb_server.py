"""Send to a W&B server on loopback, by the real client, and look at what has arrived."""

import shutil
from pathlib import Path

import pytest

from harness.study.record import read_study
from harness.tracking.identity import run_id
from tests.conftest import SweptStudy
from tests.support.commands import Commands, wait_until
from tests.tracking.trainings import FID
from tests.tracking.wandb_server.clients import ServedCommands, client, sync
from tests.tracking.wandb_server.comparison import assert_whole
from tests.tracking.wandb_server.http_server import serving
from tests.tracking.wandb_server.received import Received, ReceivedRun

_IMPORTS = """
import contextlib, logging, time
from pathlib import Path
from harness.tracking.identity import TrackerOptions
from harness.tracking.tracker import open_tracker
from tests.tracking.trainings import between, complete, identify, play, start

options = TrackerOptions(wandb_mode="online")
"""
_RESUMED = """
identity = identify(Path("study"))
for begin, after, until in ((0.0, 0, 5), (3.0, 3, 6)):
    with contextlib.closing(open_tracker("wandb", identity, options)) as tracker:
        play(tracker, [start(begin), *between(identity, after, until)])
        if until == 6:
            tracker.emit(complete())
    if FORGETS:
        for notes in Path("study/wandb").glob("*/given.jsonl"):
            notes.unlink()
"""
# The first of three trainings waits at 3 kimg for a sign.
_THREE = """
for name in ("0000", "0001", "0002"):
    identity = identify(Path("study"), name)
    with contextlib.closing(open_tracker("wandb", identity, options)) as tracker:
        play(tracker, [start(), *between(identity, 0, 3)])
        if name == "0000":
            time.sleep(2)
            Path("waits").touch()
            while not Path("sign").exists():
                time.sleep(0.05)
        play(tracker, [*between(identity, 3, 6), complete()])
"""


def assert_is_whole(run: ReceivedRun, study: Path, trial: str = "0007") -> None:
    """Check a run of the played training."""
    assert run.column("generator_loss") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert run.column("_step") == [0, 1, 2, 3, 4, 5]
    assert (run.column("rung"), run.column(FID)) == ([0, 1, 2], [40, 20, 30])
    grids = [study / f"trials/{trial}/grids/{kimg}.png" for kimg in (2, 4, 6)]
    assert run.media("grid") == [grid.read_bytes() for grid in grids]
    # A picture that is sent again would be another file.
    assert len([path for path in run.files if path.startswith("media/")]) == 3
    assert run.summary["outcome"] == {"state": "complete", "reason": "finished", "detail": ""}
    assert (run.states[-1], run.rewritten) == ("finished", [])


def assert_three(received: Received, study: Path) -> None:
    """Check that the server has three trainings, each whole."""
    assert received.unknown == []
    runs = received.of_type("trial")
    assert [run.id[-4:] for run in runs] == ["0000", "0001", "0002"]
    for run in runs:
        assert_is_whole(run, study, run.id[-4:])


def test_an_offline_study_arrives_whole(commands: Commands, swept: SweptStudy, tmp_path: Path):
    study = tmp_path / "endings"
    shutil.copytree(swept.folder, study, symlinks=True)
    with serving() as server:
        sync(commands, server, study)
    assert_whole(server.received, study)
    winner = server.received.latest(run_id(read_study(study).id, "study"), "model")
    assert {"best", "latest"} <= winner.aliases
    assert "generator.keras" in winner.contents()


def test_a_view_of_a_study_is_saved(commands: Commands, swept: SweptStudy):
    pytest.importorskip("wandb_workspaces")
    with serving() as server:
        served = ServedCommands(commands.home, server)
        result = served.run("cli.wandb_workspace", "--study", "endings", cwd=swept.cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    assert server.received.unknown == []
    (view,) = server.received.views
    assert (view["entityName"], view["projectName"]) == ("tester", "gan-sweep-harness")
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    panels = {each["name"]: each["panels"][0]["config"] for each in sections if each["panels"]}
    assert panels["FID against kimg"]["xAxis"] == "kimg"
    assert panels["FID against kimg"]["metrics"] == [
        "fid_fashion_cnn@1000",
        "best_fid_fashion_cnn@1000",
    ]
    assert panels["Grids by kimg"]["mediaKeys"] == ["grid"]
    axes = [each["accessor"] for each in panels["Parameters"]["columns"]]
    assert "config:generator.value.learning_rate" in axes
    assert axes[-1] == "summary:best_fid_fashion_cnn@1000"
    assert "summary_metrics.trials.complete" in panels["Outcomes"]["metrics"]
    assert "summary_metrics.reasons.diverged" in panels["Outcomes"]["metrics"]


@pytest.mark.parametrize("forgets", [False, True])
def test_a_resumed_training_arrives_once(commands: Commands, tmp_path: Path, *, forgets: bool):
    with serving() as server:
        process = client(commands, server, tmp_path, f"FORGETS = {forgets}{_IMPORTS}{_RESUMED}")
        said, _ = process.communicate(timeout=300)
        assert (process.returncode, said) == (0, "")
        (run,) = server.received.of_type("trial")
    assert_is_whole(run, tmp_path / "study")
    assert run.states == ["running", "killed", "running", "finished"]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True])
def test_a_server_that_fails_for_a_while_gets_all_and_gets_it_once(
    commands: Commands, tmp_path: Path, *, lost: bool
):
    with serving() as server:
        process = client(commands, server, tmp_path, _IMPORTS + _THREE)
        wait_until((tmp_path / "waits").exists, process)
        server.faults.lost = lost
        server.faults.statuses[:] = [500, 429, 503, 500, 429]
        (tmp_path / "sign").touch()
        said, _ = process.communicate(timeout=300)
        assert (process.returncode, said) == (0, "")
        assert server.faults.statuses == []
        assert_three(server.received, tmp_path / "study")


@pytest.mark.slow
@pytest.mark.parametrize("answers", [False, True])
def test_of_a_server_that_stays_away_nothing_is_lost(
    commands: Commands, tmp_path: Path, *, answers: bool
):
    with serving() as server:
        process = client(commands, server, tmp_path, _IMPORTS + _THREE)
        wait_until((tmp_path / "waits").exists, process)
        if answers:
            server.faults.always = 500
            (tmp_path / "sign").touch()
            said, _ = process.communicate(timeout=300)
    if not answers:
        (tmp_path / "sign").touch()
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    offline = {path.name[-4:] for path in (tmp_path / "study/wandb").glob("offline-run-*")}
    assert offline == {"0001", "0002"}
    with serving(server.received, server.port) as server:
        sync(commands, server, tmp_path / "study", "0000")
        assert_three(server.received, tmp_path / "study")
        sync(commands, server, tmp_path / "study", "0000")
        assert_three(server.received, tmp_path / "study")
