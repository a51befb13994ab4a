"""Sweep, confirm and export into a W&B server on loopback, and compare it with the study."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from harness.study.record import read_study
from harness.tracking.identity import run_id
from tests.support.commands import Commands, wait_until
from tests.support.endings import SPACE
from tests.tracking.wandb_server.clients import ServedCommands, sync
from tests.tracking.wandb_server.comparison import assert_whole
from tests.tracking.wandb_server.http_server import serving

_LEARNING_RATE = {"low": 1.0e-4, "high": 3.0e-3, "log": True}
_PROMOTING = SPACE | {
    "name": "served",
    "parameters": SPACE["parameters"]
    | {
        "generator.learning_rate": _LEARNING_RATE,
        "discriminator.name": {"value": "mlp"},
        "discriminator.widths": {"value": [16]},
        "discriminator.learning_rate": _LEARNING_RATE,
    },
    "budget": {"rungs_kimg": [2, 4, 8]},
    "pruner": {"name": "promotion"},
}


def events_in(cwd: Path) -> int:
    """Count the lines of all histories."""
    return sum(
        len(file.read_bytes().splitlines())
        for file in cwd.glob("studies/served/trials/*/history.jsonl")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "kills"), [("online", 3), ("offline", 0)])
def test_a_study_is_whole_on_the_server(commands: Commands, tmp_path: Path, mode: str, kills: int):
    """Trials pause and are promoted, two at once; the sweep is killed; then confirm and export."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(_PROMOTING))
    sweep = ("sweep", "--search-space", "space.yaml", "--trials", 6, "--workers", 2)
    study = tmp_path / "studies" / "served"
    with serving() as server:
        served = ServedCommands(commands.home, server)
        for _ in range(kills):
            process = served.start(*sweep, "--wandb-mode", mode, cwd=tmp_path)
            goal = events_in(tmp_path) + 8
            wait_until(lambda goal=goal: events_in(tmp_path) >= goal, process)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        result = served.run(*sweep, "--wandb-mode", mode, cwd=tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
        if mode == "offline":
            assert server.received.runs == {}
            sync(commands, server, study)
        assert_whole(server.received, study)
        for command in (
            ("confirm", "--study", "served", "--seeds", 2, "--top", 2),
            ("export", "--study", "served", "--to", "wandb"),
        ):
            result = served.run(*command, "--wandb-mode", mode, cwd=tmp_path)
            assert result.returncode == 0, result.stdout + result.stderr
        for _ in range(2 if mode == "offline" else 0):  # the second time, nothing is new
            sync(commands, server, study)
        assert_whole(server.received, study)
    record = read_study(study)
    (bundle,) = (each for each in server.received.versions("model") if each.name == "served")
    assert bundle.run == run_id(record.id, "export")
    assert "best" in bundle.aliases
    exported = {path for path in bundle.contents() if not path.startswith("explorer/")}
    assert {"generator.keras", "metrics.json", "README.md"} <= exported
