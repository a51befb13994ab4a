"""Lose nodes, workers and the runner of a real four-node cluster, and let the others go on."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.cluster import Cluster
from harness.core.events import Event, Progressed, Started
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.study.leaderboard import read_entries
from tests.support.commands import TIMEOUT_SECONDS, Commands, wait_until
from tests.support.progress import saved_kimg, starts
from tests.support.ray_machines import (
    LONGER,
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
    pytest.mark.filterwarnings("ignore:. workers? asked, room for"),
]


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Return a cluster of four nodes; the one that the runner belongs to trains nothing."""
    with running_machines(head_cpus=0, others=3) as running:
        yield running


def inside(actor: Any, look: Any) -> Any:
    """Return what a function finds out inside a worker's process."""
    return ray.get(actor.__ray_call__.remote(look))


def node_of(actor: Any) -> str:
    return inside(actor, lambda _: ray.get_runtime_context().get_node_id())


class Trouble:
    """Do something once, when a trial has its first rung behind it; note where trials ran.

    Args:
        machines: The cluster.
        kind: What to do: kill the node or the process of the first trial, or add a node.
    """

    def __init__(self, machines: Machines, kind: str) -> None:
        self.machines = machines
        self.kind = kind
        self.runner: StudyRunner | None = None
        self.folder: Path | None = None
        self.nodes: list[tuple[str, str]] = []
        self.victim = ""
        self.lost_kimg = 0.0
        self.saved: dict[str, float] = {}
        self.began: float | None = None
        self.seconds: float | None = None

    def act(self, name: str, event: Event) -> None:
        assert self.runner is not None
        slots = {p.running.job.name: p for p in self.runner.pool.slots if p.running}
        actor = slots[name].worker._actor if name in slots else None
        if isinstance(event, Started):
            self.nodes.append((name, node_of(actor)))
            if name == self.victim:
                self.saved[name] = saved_kimg(self.folder, name)
            if self.began is not None and name == self.victim:
                self.seconds = time.monotonic() - self.began
        if isinstance(event, Progressed) and event.kimg > 2.5 and self.began is None:
            self.began, self.victim, self.lost_kimg = time.monotonic(), name, event.kimg
            self._make(actor)

    def _make(self, actor: Any) -> None:
        if self.kind == "node":
            lost = node_of(actor)
            (node,) = [n for n in self.machines.list_all_nodes() if n.node_id == lost]
            self.machines.remove_node(node, allow_graceful=False)
        elif self.kind == "loading":
            node = add_node(self.machines, **NODE | {"num_cpus": 3})
            loading = [p.worker.placed for p in self.runner.pool.slots if not p.ready]
            placed, _ = ray.wait(loading, num_returns=3, timeout=TIMEOUT_SECONDS)
            assert len(placed) == 3
            self.machines.remove_node(node, allow_graceful=False)
        elif self.kind == "worker":
            os.kill(inside(actor, lambda _: os.getpid()), signal.SIGKILL)
        else:
            self.victim = add_node(self.machines, **NODE).node_id


def run(trouble: Trouble, folder: Path, *, trials: int, workers: int) -> Notes:
    """Run a study with no folder that nodes see, and expect all of its trials to complete."""
    cluster = Cluster(trouble.machines.address, files="travel")
    chosen = options(
        folder, trouble.kind, trials=trials, workers=workers, cluster=cluster, checkpoint_seconds=0
    )
    trouble.runner = StudyRunner(StudyJobs(small_space(folder, **LONGER), chosen))
    trouble.folder = chosen.folder
    notes = Notes(trouble.act)
    assert trouble.runner.run(notes) is None
    entries = read_entries(chosen.folder)
    assert [entry.name for entry in entries] == [f"{n:04d}" for n in range(trials)]
    assert all(entry.outcome.final is not None for entry in entries)
    return notes


@pytest.mark.parametrize("kind", ["node", "worker"])
def test_an_interrupted_trial_goes_on_from_its_checkpoint(machines, tmp_path: Path, kind: str):
    trouble = Trouble(machines, kind)
    notes = run(trouble, tmp_path, trials=3, workers=2)
    first, second = notes.of(trouble.victim, Started)
    assert first.kimg == 0
    assert second.kimg == trouble.saved[trouble.victim] >= 2
    assert all(
        len(notes.of(name, Started)) == 1 for name, _ in trouble.nodes if name != trouble.victim
    )
    before, after = [node for name, node in trouble.nodes if name == trouble.victim]
    if kind == "node":
        assert before != after
        add_node(machines, **NODE)
    print(
        f"| {kind} killed | 3 | 3 | {trouble.victim}, at {trouble.lost_kimg:.2f} kimg on node "
        f"{before[:6]}, from {second.kimg:.2f} kimg on {after[:6]} | {trouble.seconds:.1f} |"
    )


def test_a_node_lost_with_workers_that_load_interrupts_nothing(machines, tmp_path: Path):
    for node in list(machines.worker_nodes)[1:]:  # leaves room for one
        machines.remove_node(node)
    trouble = Trouble(machines, "loading")
    run(trouble, tmp_path, trials=2, workers=4)
    assert [name for name, _ in trouble.nodes] == ["0000", "0001"]
    for _ in range(2):
        add_node(machines, **NODE)
    print("| node lost while three workers load on it | 2 | 2 | nothing was interrupted | 0 |")


def test_a_worker_that_waited_for_room_begins_on_a_node_that_joins(machines, tmp_path: Path):
    for node in list(machines.worker_nodes)[1:]:  # leaves room for one
        machines.remove_node(node)
    trouble = Trouble(machines, "joins")
    run(trouble, tmp_path, trials=4, workers=2)
    trained = sum(node == trouble.victim for _, node in trouble.nodes)
    assert trained
    add_node(machines, **NODE)
    print(f"| node added | 4 | 4 | {trained} trials trained there | 0 |")


def test_the_same_command_goes_on_after_the_runner_was_killed(
    machines, commands: Commands, tmp_path: Path
):
    write_space(tmp_path, **LONGER)
    command = ("sweep", "--search-space", "./space.yaml", "--study", "runner", "--trials", 3)
    command += ("--engine", "ray", "--address", machines.address, "--workers", 2)
    command += ("--tracker", "jsonl", "--files", "travel", "--checkpoint-seconds", 0)
    study = tmp_path / "studies" / "runner"
    killed: subprocess.Popen[str] = commands.start(*command, cwd=tmp_path)
    wait_until(lambda: list(study.glob("trials/*/checkpoint.previous.npz")), killed)
    killed.kill()
    killed.communicate()
    saved = {name: saved_kimg(study, name) for name in starts(study)}
    began = time.monotonic()
    result = commands.run(*command, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    entries = read_entries(study)
    assert [entry.name for entry in entries] == ["0000", "0001", "0002"]
    print(starts(study), time.monotonic() - began)
    again = {name: kimgs[1:] for name, kimgs in starts(study).items() if kimgs[1:]}
    assert again
    assert all(kimgs == [saved[name]] for name, kimgs in again.items())
    assert max(saved.values()) > 0


def workers_of(machines: Machines) -> list[int]:
    """Return the processes of all workers on the nodes other than the first."""
    raylets = [n.all_processes["raylet"][0].process.pid for n in machines.worker_nodes]
    children = [
        child
        for raylet in raylets
        for thread in Path(f"/proc/{raylet}/task").glob("*/children")
        for child in map(int, thread.read_text().split())
    ]
    return [c for c in children if b"ray::WorkerActor" in Path(f"/proc/{c}/cmdline").read_bytes()]


def test_a_sweep_whose_cluster_lost_its_head_ends_in_order_and_goes_on_at_the_next(
    commands: Commands, tmp_path: Path
):
    write_space(tmp_path, **LONGER)
    command = ("sweep", "--search-space", "./space.yaml", "--study", "head", "--trials", 3)
    command += ("--engine", "ray", "--workers", 1, "--tracker", "jsonl", "--files", "travel")
    command += ("--checkpoint-seconds", 0, "--address")
    study = tmp_path / "studies" / "head"
    with running_machines(head_cpus=0, others=1) as first:
        sweep = commands.start(*command, first.address, cwd=tmp_path)
        wait_until(lambda: list(study.glob("trials/*/checkpoint.previous.npz")), sweep)
        (actor,) = workers_of(first)
        os.kill(actor, signal.SIGSTOP)  # a fast machine would come to the end meanwhile
        first.head_node.all_processes["gcs_server"][0].process.kill()
        began = time.monotonic()
        _, err = sweep.communicate(timeout=TIMEOUT_SECONDS)
        seconds = time.monotonic() - began
        with contextlib.suppress(ProcessLookupError):  # its node may have ended it
            os.kill(actor, signal.SIGKILL)
    assert sweep.returncode == 2, err
    assert err.count("error: ") == 1
    assert "its head does not answer). Give the same command again" in err
    ended = len(list(study.glob("trials/*/outcome.json")))
    saved = {name: saved_kimg(study, name) for name in starts(study)}
    with running_machines(head_cpus=0, others=1) as second:
        result = commands.run(*command, second.address, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [entry.name for entry in read_entries(study)] == ["0000", "0001", "0002"]
    again = {name: kimgs[1:] for name, kimgs in starts(study).items() if kimgs[1:]}
    assert again
    assert all(kimgs == [saved[name]] for name, kimgs in again.items())
    print(f"| head killed | 3 | 3 | {ended} had ended; {again} | ended {seconds:.0f} s after |")
