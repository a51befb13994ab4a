"""Interrupt real sweeps in every way, and let the same command go on."""

import json
import os
import signal
from pathlib import Path

import pytest
import yaml

from harness.core.events import Finished, Progressed, RungScored
from harness.study.leaderboard import read_entries
from harness.tracking.jsonl_tracker import read_history
from tests.support.commands import Commands, interrupt, wait_until, workers_of
from tests.support.endings import GOOD, SPACE
from tests.support.journals import states

# Some seconds on a fast machine: a call trains about two seconds, and several must pass.
RUNGS = [4, 96]


def write_space(folder: Path) -> list[object]:
    """Write a space whose trials take some seconds; return the options that sweep it."""
    fixed = {name: {"value": value} for name, value in GOOD.items()}
    slow = {"generator.width": {"value": 256}, "batch_size": {"choices": [16, 32]}}
    record = SPACE | {
        "name": "slow",
        "parameters": SPACE["parameters"] | fixed | slow,
        "budget": {"rungs_kimg": RUNGS},
        "pruner": {"name": "none"},
    }
    (folder / "slow.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(record))))
    return ["--search-space", "./slow.yaml", "--trials", 3, "--workers", 2, "--tracker", "jsonl"]


def trained(study: Path, trial: str) -> list[float]:
    """Return the kimg that a trial has reported."""
    history = read_history(study / "trials" / trial / "history.jsonl")
    return [event.kimg for event in history if isinstance(event, Progressed)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers through /proc")
def test_a_sweep_survives_ctrl_c_and_the_death_of_a_worker(commands: Commands, tmp_path: Path):
    options = write_space(tmp_path)
    study = tmp_path / "studies" / "slow"

    # Ctrl-C once both trials have passed their first rung.
    process = commands.start("sweep", *options, cwd=tmp_path)
    both = ("0000", "0001")
    wait_until(lambda: all(max(trained(study, t), default=0) > RUNGS[0] for t in both), process)
    out, err = interrupt(process)
    assert process.returncode == 130, out + err
    assert "Stopped; the same command goes on from here." in out
    assert err == ""
    # On a very fast machine one may have reached its end first.
    ended = [entry.name for entry in read_entries(study)]
    stopped = {t: trained(study, t)[-1] for t in both if t not in ended}
    assert sorted(states(study)) == ["COMPLETE"] * len(ended) + ["RUNNING"] * len(stopped)

    # The same command again; this time a worker is killed in the middle of a trial.
    process = commands.start("sweep", *options, cwd=tmp_path)
    wait_until(lambda: all(trained(study, t)[-1] > stopped[t] for t in stopped), process)
    victim = workers_of(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    assert err == ""

    entries = read_entries(study)
    assert [entry.name for entry in entries] == ["0000", "0001", "0002"]
    assert states(study) == ["COMPLETE"] * 3
    for entry in entries:
        history = read_history(entry.folder.path / "history.jsonl")
        assert history[-1] == Finished(entry.outcome)
        assert len([event for event in history if isinstance(event, Finished)]) == 1
        kimg = trained(study, entry.name)
        assert kimg == sorted(set(kimg)), "each kimg is told once, in order"
        assert [event.rung for event in history if isinstance(event, RungScored)] == [0, 1]
        assert entry.outcome.kimg == pytest.approx(RUNGS[-1])
        # Where Ctrl-C stopped it, a trial went on: nothing before was trained again.
        assert stopped.get(entry.name, kimg[0]) in kimg


def test_ctrl_c_before_the_workers_are_ready_leaves_no_study(commands: Commands, tmp_path: Path):
    process = commands.start("sweep", *write_space(tmp_path), cwd=tmp_path)
    wait_until(lambda: workers_of(process.pid), process)
    out, err = interrupt(process, signal.SIGTERM)
    assert process.returncode == 143, out + err
    assert "Traceback" not in err
    assert not (tmp_path / "studies" / "slow" / "study.json").exists()
