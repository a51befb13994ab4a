"""Run studies on a real Ray cluster of two nodes on this machine."""

import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.backend import WorkerDied, WorkerReady, WorkerSetup
from harness.backends.cluster import Cluster
from harness.backends.ray.connection import HeadMonitor
from harness.backends.ray.ray_backend import (
    RayBackend,
    describe_idle_gpus,
    describe_shortage,
)
from harness.core.errors import HarnessError
from harness.core.events import Event, Progressed, Started
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.worker_pool import WorkerPool
from harness.study.leaderboard import read_entries
from harness.training.checkpoint import load_checkpoint
from tests.support.commands import TIMEOUT_SECONDS
from tests.support.ray_machines import (
    NODE,
    Machines,
    Notes,
    add_node,
    options,
    ray,
    running_machines,
    small_space,
)

# A crowded machine takes minutes to start a worker.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Ray has started no worker yet"),
    pytest.mark.filterwarnings("ignore:. workers? asked, room for"),
]


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Return a cluster of two nodes with a core each."""
    with running_machines(head_cpus=1, others=1) as running:
        yield running


@pytest.fixture
def address(machines: Machines) -> str:
    """Return its address."""
    return str(machines.address)


@pytest.fixture
def backend(address: str) -> Iterator[RayBackend]:
    """Return an engine whose workers load the real data."""
    setup = WorkerSetup("fashion_mnist", None, "fashion_cnn", "fid", 1000, threads=1)
    with contextlib.closing(RayBackend(setup, workers=1, cluster=Cluster(address))) as running:
        yield running


@pytest.mark.slow
def test_a_worker_that_was_lost_with_its_node_is_told_from_one_that_failed(
    machines: Machines, backend: RayBackend
):
    workers = [backend.start_worker(0), backend.start_worker(1)]
    visible = [inside(worker, lambda _: os.environ["CUDA_VISIBLE_DEVICES"]) for worker in workers]
    assert visible == ["-1", "-1"], "none was asked for"
    (node,) = machines.worker_nodes
    first, second = sorted(workers, key=lambda worker: ray.get(worker.placed) != node.node_id)
    process = inside(second, lambda _: os.getpid())
    machines.remove_node(node, allow_graceful=False)
    os.kill(process, signal.SIGKILL)
    for worker, lost in ((first, True), (second, False)):
        while backend.wait([worker], 60) == [worker]:
            message = worker.receive()
            if not isinstance(message, WorkerReady):
                break
        assert message == WorkerDied(None, lost=lost)
    add_node(machines, **NODE)


def inside(worker: Any, look: Any) -> Any:
    """Return what a function finds out inside a worker's process."""
    return ray.get(worker._actor.__ray_call__.remote(look))


@pytest.mark.slow
def test_a_worker_lost_before_the_first_was_ready_is_replaced(backend: RayBackend):
    pool = WorkerPool(backend, 1)
    pool.start()
    first = pool.slots[0].worker
    ray.kill(first._actor)
    messages: list[Any] = []
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not messages or not isinstance(messages[-1], WorkerReady):
        assert time.monotonic() < deadline
        for slot in pool.wait():
            messages.append(slot.worker.receive())
            if isinstance(messages[-1], WorkerDied):
                pool.replace_dead(slot, messages[-1])
    assert pool.slots[0].worker is not first
    assert messages[-1].protocol.num_images == 1000
    for slot in pool.slots:
        slot.worker.stop(at_once=True)


@pytest.mark.slow
def test_workers_of_a_node_map_one_copy_of_the_images_that_the_runner_read(backend: RayBackend):
    def owners(_: Any) -> list[tuple[str, bool]]:
        """Return who holds the images of a worker, and whether it may write them."""
        found = []
        for each in gc.get_objects():
            if type(each).__name__ == "ImageDataset":
                owner = each.train.images
                while isinstance(owner, np.ndarray):
                    owner = owner.base
                found.append((type(owner).__module__, each.train.images.flags.writeable))
        return found

    worker = backend.start_worker(0)
    assert backend.wait([worker], 120) == [worker]
    assert isinstance(worker.receive(), WorkerReady)
    assert inside(worker, owners) == [("ray._raylet", False)]


def test_workers_without_room_are_counted(backend: RayBackend, address: str):
    deadline = time.monotonic() + 60
    while describe_shortage(Cluster(address), 2):  # until those of the test before have left
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert describe_shortage(Cluster(address), 8).startswith(
        "8 workers asked, room for 2 now; the others"
    )
    assert "no node of the cluster has that" in describe_shortage(
        Cluster(address, cpus_per_worker=2), 1
    )


def test_gpus_that_no_worker_uses_are_told_of(
    machines: Machines, backend: RayBackend, address: str
):
    del backend  # takes part in the cluster
    assert describe_idle_gpus(Cluster(address)) == ""
    node = add_node(machines, **NODE | {"num_gpus": 2})
    assert describe_idle_gpus(Cluster(address)).startswith(
        "The cluster has 2 GPUs, and workers use none"
    )
    assert describe_idle_gpus(Cluster(address, gpus_per_worker=0.5)) == ""
    machines.remove_node(node)


def test_a_head_that_cannot_be_reached_ends_the_wait_in_one_message(backend: RayBackend):
    with socket.create_server(("127.0.0.1", 0)) as head:
        place = head.getsockname()
        backend.head_monitor.close()
        monitor = backend.head_monitor = HeadMonitor(f"{place[0]}:{place[1]}", every_seconds=0.1)
        time.sleep(1.5)
        assert not monitor.is_gone
    with pytest.raises(HarnessError, match=r"its head does not answer.* same command again"):
        wait_for_ever(backend)
    with socket.create_server(place):
        deadline = time.monotonic() + 30
        while monitor.is_gone:  # it is tried on
            assert time.monotonic() < deadline
            time.sleep(0.1)


def wait_for_ever(backend: RayBackend) -> None:
    while True:
        backend.wait([], 0.5)


def files_of(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if name.startswith("trials/")}


def test_both_backends_give_the_same_bits_and_leave_the_same_files(address: str, tmp_path: Path):
    small = small_space(tmp_path, deterministic=True)
    distant = Cluster(address, files="travel")
    for name, cluster in (("here", None), ("there", distant)):
        jobs = StudyJobs(small, options(tmp_path, name, cluster=cluster))
        assert StudyRunner(jobs).run(Notes()) is None
    here, there = (tmp_path / "studies" / name for name in ("here", "there"))
    (expected,), (entry,) = read_entries(here), read_entries(there)
    assert expected.outcome.final is not None
    assert entry.outcome.final == expected.outcome.final
    assert files_of(there) == files_of(here)
    states = [load_checkpoint(each / "trials/0000/checkpoint.npz")[0] for each in (here, there)]
    plain, travelled = ({k: v.tobytes() for k, v in state.items()} for state in states)
    assert plain == travelled
    assert not ray.is_initialized()


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_trial_goes_on_from_its_checkpoint(
    address: str, tmp_path: Path
):
    cluster = Cluster(address, files="travel")
    chosen = options(tmp_path, "killed", cluster=cluster, checkpoint_seconds=0)
    runner = StudyRunner(StudyJobs(small_space(tmp_path), chosen))
    killed = []

    def kill_once(name: str, event: Event) -> None:
        # The first rung's checkpoint, of 2 kimg, has come with what was said after it.
        if isinstance(event, Progressed) and event.kimg > 2.1 and not killed:
            killed.append(event.kimg)
            (slot,) = runner.pool.slots
            ray.kill(slot.worker._actor)

    notes = Notes(kill_once)
    assert runner.run(notes) is None
    assert killed
    first, second = notes.of("0000", Started)
    assert first.kimg == 0
    assert second.kimg >= 2
    (entry,) = read_entries(chosen.folder)
    assert entry.outcome.final is not None


@pytest.mark.slow
def test_nodes_that_see_the_folder_write_there_themselves(address: str, tmp_path: Path):
    cluster = Cluster(address, files="shared", cpus_per_worker=0.5)
    seen: list[bool] = []

    def look(name: str, event: Event) -> None:
        if isinstance(event, Started):
            (slot,) = runner.pool.slots
            seen.append(slot.worker._home.path.is_absolute())

    chosen = options(tmp_path, "shared", cluster=cluster)
    runner = StudyRunner(StudyJobs(small_space(tmp_path), chosen))
    assert runner.run(Notes(look)) is None
    assert seen == [True]
    assert {"trials/0000/checkpoint.npz", "trials/0000/generator.keras"} <= files_of(chosen.folder)
    assert not list(chosen.folder.rglob(".mark*"))
