"""Lose nodes, workers and the brain of a real four-node cluster, and let the others go on."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.events import Event, Progressed, Started
from harness.search.brain import Brain
from harness.search.engines.cluster import Cluster
from harness.search.leaderboard import read_entries
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from tests.commands import Commands, wait_until
from tests.ray_machines import (
    NODE,
    Machines,
    Notes,
    add_node,
    options,
    ray,
    running_machines,
    small_space,
    write_space,
)

pytestmark = [
    pytest.mark.slow,
    # A crowded machine takes minutes to start three workers.
    pytest.mark.filterwarnings("ignore:Ray has started no worker yet"),
]

SPACE = {
    "budget": {"rungs_kimg": [2, 30]},
    "parameters": {
        "batch_size": {"value": 64},
        "generator.name": {"value": "mlp"},
        "generator.latent_dim": {"value": 8},
        "generator.embedding_dim": {"value": 4},
        "generator.width": {"value": 16},
        "generator.depth": {"value": 1},
        "generator.learning_rate": {"low": 1.0e-3, "high": 3.0e-3, "log": True},
        "discriminator.name": {"value": "mlp"},
        "discriminator.padding": {"value": "valid"},
        "discriminator.widths": {"value": [16]},
        "discriminator.learning_rate": {"low": 1.0e-3, "high": 3.0e-3, "log": True},
        "ema.half_life_kimg": {"value": 0.1},
    },
    "pruner": {"name": "none"},
}


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Return a cluster of four nodes; the one that the brain belongs to trains nothing."""
    with running_machines(head_cpus=0, others=3) as running:
        yield running


def inside(hand: Any, look: Any) -> Any:
    """Return what a function finds out inside a worker's process."""
    return ray.get(hand.__ray_call__.remote(look))


def node_of(hand: Any) -> str:
    return inside(hand, lambda _: ray.get_runtime_context().get_node_id())


class Trouble:
    """Do something once, when a trial has its first rung behind it; note where trials ran.

    Args:
        machines: The cluster.
        kind: What to do: kill the node or the process of the first trial, or add a node.
    """

    def __init__(self, machines: Machines, kind: str) -> None:
        self.machines = machines
        self.kind = kind
        self.brain: Brain | None = None
        self.nodes: list[tuple[str, str]] = []
        self.victim = ""
        self.lost_kimg = 0.0
        self.began: float | None = None
        self.seconds: float | None = None

    def act(self, name: str, event: Event) -> None:
        assert self.brain is not None
        posts = {p.assignment.job.name: p for p in self.brain._foreman.posts if p.assignment}
        hand = posts[name].worker._hand if name in posts else None
        if isinstance(event, Started):
            self.nodes.append((name, node_of(hand)))
            if self.began is not None and name == self.victim:
                self.seconds = time.monotonic() - self.began
        if isinstance(event, Progressed) and event.kimg > 2.5 and self.began is None:
            self.began, self.victim, self.lost_kimg = time.monotonic(), name, event.kimg
            self._make(hand)

    def _make(self, hand: Any) -> None:
        if self.kind == "node":
            lost = node_of(hand)
            (node,) = [n for n in self.machines.list_all_nodes() if n.node_id == lost]
            self.machines.remove_node(node, allow_graceful=False)
        elif self.kind == "worker":
            os.kill(inside(hand, lambda _: os.getpid()), signal.SIGKILL)
        else:
            self.victim = add_node(self.machines, **NODE).node_id


def run(trouble: Trouble, folder: Path, *, trials: int, workers: int) -> Notes:
    """Run a study with no folder that nodes see, and expect all of its trials to complete."""
    cluster = Cluster(trouble.machines.address, files="travel")
    chosen = options(
        folder, trouble.kind, trials=trials, workers=workers, cluster=cluster, checkpoint_seconds=0
    )
    trouble.brain = Brain(small_space(folder, **SPACE), chosen)
    notes = Notes(trouble.act)
    assert trouble.brain.run(notes) is None
    entries = read_entries(trouble.brain.folder)
    assert [entry.name for entry in entries] == [f"{n:04d}" for n in range(trials)]
    assert all(entry.outcome.final is not None for entry in entries)
    return notes


@pytest.mark.parametrize("kind", ["node", "worker"])
def test_an_interrupted_trial_goes_on_from_its_checkpoint(machines, tmp_path: Path, kind: str):
    trouble = Trouble(machines, kind)
    notes = run(trouble, tmp_path, trials=3, workers=2)
    first, second = notes.of(trouble.victim, Started)
    assert first.kimg == 0
    assert second.kimg >= 2
    assert all(
        len(notes.of(name, Started)) == 1 for name, _ in trouble.nodes if name != trouble.victim
    )
    before, after = [node for name, node in trouble.nodes if name == trouble.victim]
    if kind == "node":
        assert before != after
        add_node(machines, **NODE)
    print(
        f"| {kind} killed | 3 | 3 | {trouble.victim}, at {trouble.lost_kimg:.2f} kimg, from "
        f"{second.kimg:.2f} kimg | {trouble.seconds:.1f} |"
    )


def test_a_worker_that_waited_for_room_begins_on_a_node_that_joins(machines, tmp_path: Path):
    for node in list(machines.worker_nodes)[1:]:  # leaves room for one
        machines.remove_node(node)
    trouble = Trouble(machines, "joins")
    run(trouble, tmp_path, trials=4, workers=2)
    trained = sum(node == trouble.victim for _, node in trouble.nodes)
    assert trained
    add_node(machines, **NODE)
    print(f"| node added | 4 | 4 | {trained} trials trained there | 0 |")


def starts(folder: Path) -> dict[str, list[float]]:
    """Return where each trial of a study started, and started again, in kimg."""
    logs = sorted(folder.glob(f"trials/*/{HISTORY_NAME}"))
    return {
        log.parent.name: [event.kimg for event in read_history(log) if isinstance(event, Started)]
        for log in logs
    }


def test_the_same_command_goes_on_after_the_brain_was_killed(
    machines, commands: Commands, tmp_path: Path
):
    write_space(tmp_path, **SPACE)
    command = ("sweep", "--search-space", "./space.yaml", "--study", "brain", "--trials", 3)
    command += ("--engine", "ray", "--address", machines.address, "--workers", 2)
    command += ("--tracker", "jsonl", "--files", "travel", "--checkpoint-seconds", 0)
    study = tmp_path / "studies" / "brain"
    killed: subprocess.Popen[str] = commands.start(*command, cwd=tmp_path)
    wait_until(lambda: list(study.glob("trials/*/checkpoint.previous.npz")), killed)
    killed.kill()
    killed.communicate()
    began = time.monotonic()
    result = commands.run(*command, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    entries = read_entries(study)
    assert [entry.name for entry in entries] == ["0000", "0001", "0002"]
    print(starts(study), time.monotonic() - began)
    again = [kimg for kimgs in starts(study).values() for kimg in kimgs[1:]]
    assert again
    assert max(again) > 0
