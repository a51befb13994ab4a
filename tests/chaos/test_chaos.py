"""Disturb real studies: a short form in every run, every kind of fault in the slow one."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.checks import CHECKS
from tests.chaos.faults import FAULTS, remove_wandb_run
from tests.chaos.studies import disturb, finish
from tests.chaos.sweeps import Plan, Sweep
from tests.support.commands import Commands

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="finds workers through /proc"
)


@pytest.mark.slow
def test_a_study_survives_dead_processes_and_files_that_were_cut(
    commands: Commands, tmp_path: Path
):
    sweep = Sweep(commands, tmp_path, Plan(trials=1, pause_seconds=0.2, rungs_kimg=(16,)))
    left = [["kill worker"], ["kill runner", "cut checkpoint", "cut journal"]]

    def next_faults() -> list[str]:
        files = [folder.previous_checkpoint_file for folder in sweep.unfinished().values()]
        return left.pop(0) if left and any(map(Path.exists, files)) else []

    injected = list(disturb(sweep, random.Random(0), next_faults))
    assert [(fault.kind, fault.loss) for fault in injected] == [
        ("kill worker", ""),
        ("kill runner", ""),
        ("cut checkpoint", ""),
        ("cut journal", ""),
    ]
    assert finish(sweep, None) == []
    # What checks must be able to find fault.
    remove_wandb_run(sweep, random.Random(0))
    (found,) = CHECKS["wandb"](sweep)
    assert found.startswith("W&B has runs of")


@pytest.mark.slow
def test_studies_survive_every_kind_of_fault(tmp_path: Path):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "tests.chaos.record"),
            *("--faults", "80", "--seed", "1"),
            *("--out", str(tmp_path / "out"), "--work", str(tmp_path)),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    journal = (tmp_path / "out" / "chaos.jsonl").read_text().splitlines()
    kinds = {record.get("kind") for record in map(json.loads, journal)}
    needs_mounts = {"full disk", "read-only journal"}
    assert set(FAULTS) - needs_mounts <= kinds
    assert "Lost: nothing." in (tmp_path / "out" / "chaos.md").read_text()
