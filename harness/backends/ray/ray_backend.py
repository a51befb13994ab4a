"""Workers as actors that Ray places on the nodes of a cluster.

The runner talks to each worker by the methods of its actor, `WorkerActor`. Where one is gone with
its process or node, the runner asks for a new one, and Ray places that as soon as there is room,
on whichever node.
"""

import contextlib
import dataclasses
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

from harness.backends.backend import Message, Worker, WorkerDied, WorkerSetup
from harness.backends.cluster import Cluster
from harness.backends.ray.connection import HeadMonitor, connect, disconnect, head_address
from harness.backends.ray.file_transfer import pack, pack_inputs, unpack
from harness.backends.ray.worker_actor import JobMessage, WorkerActor, WorkerMessage
from harness.core.errors import HarnessError, without_secrets
from harness.core.events import Answer
from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

_RAY: Any = ray  # some of its functions have no types
_NO_WORKER_SECONDS = 60.0
"""Seconds after which the user is warned if Ray has started no worker yet."""
_CLOSE_SECONDS = 1.0


def room_for(cluster: Cluster) -> int:
    """Return how many workers there is room for now."""
    by_nodes = sum(_fitting(cluster, resources) for resources in _nodes().values())
    return min(by_nodes, _fitting(cluster, _RAY.available_resources()))


def describe_shortage(cluster: Cluster, workers: int) -> str:
    """Return a warning for a user some of whose workers have no room now; else ""."""
    nodes = list(_nodes().values())
    if any(_fitting(cluster, node) for node in nodes):
        room = room_for(cluster)
        if room >= workers:
            return ""
        asked = f"{workers} worker{'s' if workers > 1 else ''} asked"
        return f"{asked}, room for {room} now; the others begin when nodes join or have room."
    cpus = max((node.get("CPU", 0) for node in nodes), default=0)
    gpus = max((node.get("GPU", 0) for node in nodes), default=0)
    return (
        f"A worker takes {cluster.demand}, and no node of the cluster has that: of its "
        f"{len(nodes)} the largest has {cpus:g} CPUs, and one has {gpus:g} GPUs. Workers wait for "
        f"nodes to join; choose less with --cpus-per-worker and --gpus-per-worker if none will."
    )


def describe_idle_gpus(cluster: Cluster) -> str:
    """Return a warning for a user whose workers leave all GPUs of the cluster alone; else ""."""
    gpus = sum(node.get("GPU", 0) for node in _nodes().values())
    if cluster.gpus_per_worker or not gpus:
        return ""
    return (
        f"The cluster has {gpus:g} GPUs, and workers use none of them. Give each one with "
        f"--gpus-per-worker 1, or let some share one with a fraction."
    )


def _describe_resources() -> str:
    total: dict[str, float] = _RAY.cluster_resources()
    free: dict[str, float] = _RAY.available_resources()
    kinds = [kind for kind in ("CPU", "GPU") if total.get(kind) or kind == "CPU"]
    parts = [f"{free.get(kind, 0):g} of {total.get(kind, 0):g} {kind}s" for kind in kinds]
    return f"{len(_nodes())} nodes, {' and '.join(parts)} free"


def _nodes() -> dict[str, dict[str, float]]:
    """Return what each living node has, by the node's id."""
    return {node["NodeID"]: node["Resources"] for node in _RAY.nodes() if node["Alive"]}


def _fitting(cluster: Cluster, resources: dict[str, float]) -> int:
    """Return how many workers resources are enough for."""
    counts = [resources.get("CPU", 0) / cluster.cpus_per_worker]
    if cluster.gpus_per_worker:
        counts.append(resources.get("GPU", 0) / cluster.gpus_per_worker)
    return int(min(counts) + 1e-9)


@contextlib.contextmanager
def _reaching_the_cluster() -> Iterator[None]:
    """Raise one message where a connection through `ray://` is lost."""
    try:
        yield
    except ConnectionError as error:
        raise _cut_off(str(error)) from error


def _cut_off(cause: str) -> HarnessError:
    return HarnessError(
        f"The connection to the cluster was lost ({cause}). Give the same command again when it "
        f"is back: trainings go on from their last checkpoints."
    )


class RayBackend:
    """A Ray cluster on which workers run as actors.

    Args:
        setup: What each worker loads.
        workers: How many there will be.
        cluster: Where, and what each takes of it.

    Raises:
        ConfigError: If there is no cluster at its address.
    """

    def __init__(self, setup: WorkerSetup, *, workers: int, cluster: Cluster) -> None:
        connect(cluster, workers=workers)
        self.cluster = cluster
        self.head_monitor = HeadMonitor(head_address(cluster))
        self.last_error = ""
        self._setup = dataclasses.replace(setup, threads=setup.threads or cluster.threads)
        self._count = workers
        self._actor: Any = ray.remote(WorkerActor).options(
            num_cpus=cluster.cpus_per_worker,
            num_gpus=cluster.gpus_per_worker,
            max_concurrency=3,  # `next_message` waits in one thread, and the others go on
            # The runner puts a new actor in the place of one that is lost. Ray's own restarts
            # would have it ask again and again whether there is room for the old one.
            max_restarts=0,
        )
        self._shared_inputs: Any = None
        self._waiting_since: float | None = None

    @_reaching_the_cluster()
    def start_worker(self, slot: int) -> Worker:
        """Start the worker of a slot, on whichever node there is room for it, now or later."""
        del slot  # Ray leases GPUs
        if self._shared_inputs is None:
            dataset = self._setup.dataset
            if not isinstance(dataset, ImageDataset):
                dataset = load_dataset(dataset, self._setup.data_dir)
            # One copy a node, which its workers map instead of reading files.
            self._shared_inputs = ray.put(pack_inputs(self._setup, dataset))
            self._setup = dataclasses.replace(self._setup, data_dir=None)
            self._waiting_since = time.monotonic()
            for warning in (
                describe_shortage(self.cluster, self._count),
                describe_idle_gpus(self.cluster),
            ):
                if warning:
                    warnings.warn(warning, stacklevel=2)
        return RayWorker(self._actor.remote(self._setup, self._shared_inputs, self._count), self)

    @_reaching_the_cluster()
    def wait(self, workers: Sequence[Worker], timeout_seconds: float) -> Sequence[Worker]:
        """Return the workers that have sent something, waiting for the first of them."""
        waiting = {w.next_message: w for w in workers if isinstance(w, RayWorker)}
        found, _ = ray.wait(list(waiting), timeout=timeout_seconds)
        if found:
            found, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if self.head_monitor.is_gone:
            raise _cut_off("its head does not answer")
        self._warn_of_waiting(list(waiting.values()))
        return [waiting[ref] for ref in found]

    def never_ready(self, died: WorkerDied) -> str:
        """Return the message for a user whose workers end before they are ready."""
        del died
        return (
            f"A worker on the cluster ended before it was ready. This package's dependencies, "
            f"TensorFlow among them, must be installed on every node, and each worker needs about "
            f"2 GiB of memory.{f' The last one: {self.last_error}' if self.last_error else ''}"
        )

    def close(self) -> None:
        """Leave the cluster; one that was started for this study ends."""
        self._shared_inputs = None
        self.head_monitor.close()
        disconnect()

    def _warn_of_waiting(self, workers: "Sequence[RayWorker]") -> None:
        """Warn once if no worker has been started for long: what each takes, what there is."""
        since = self._waiting_since
        if since is None or time.monotonic() - since < _NO_WORKER_SECONDS:
            return
        self._waiting_since = None
        placed, _ = ray.wait([worker.placed for worker in workers], timeout=0)
        if not placed:
            warnings.warn(
                f"Ray has started no worker yet. Each takes {self.cluster.demand}; the cluster "
                f"has {_describe_resources()}. Training begins as soon as there is room for one.",
                stacklevel=2,
            )


class RayWorker:
    """A worker on the cluster, from the runner's side.

    Args:
        actor: Its actor.
        backend: The cluster that it is on.

    Attributes:
        placed: Reference to the id of its node, once it has one.
        next_message: Reference to the next message that it sends.
    """

    def __init__(self, actor: Any, backend: RayBackend) -> None:
        self._actor = actor
        self._backend = backend
        self._home: TrainingFolder | None = None
        self._mark: Path | None = None
        self._answers = False
        self.placed: Any = actor.node_id.remote()
        self.next_message: Any = actor.next_message.remote()

    @_reaching_the_cluster()
    def train(self, job: TrainingJob) -> None:
        """Send a job, with the files to go on from for a worker that does not see them."""
        files = self._backend.cluster.files
        self._home = TrainingFolder(job.folder.path.absolute())
        file_set = None if files == "shared" else pack(self._home)
        if files != "travel":
            # Named as the training's own unfinished files are, which it removes when it begins.
            self._mark = self._home.path / f".mark.tmp.{uuid.uuid4().hex}"
            self._mark.touch()
        job = dataclasses.replace(job, folder=self._home)
        self._actor.receive.remote(JobMessage(job, self._mark, file_set))

    @_reaching_the_cluster()
    def answer(self, answer: Answer) -> None:
        """Answer the event of the last `EventMessage`."""
        self._actor.receive.remote(answer)

    @_reaching_the_cluster()
    def receive(self) -> Message:
        """Return the next message, having written what came with it; `WorkerDied` at the end."""
        try:
            worker_message: WorkerMessage = ray.get(self.next_message)
        except RayError as error:
            self._answers = False
            self._backend.last_error = _first_and_last_line(error)
            lost = self._is_lost(error)
            self.stop(at_once=True)  # one that is only out of reach is not to come back
            return WorkerDied(None, lost=lost)
        self.next_message = self._actor.next_message.remote()
        self._answers = True
        if self._mark is not None:
            self._mark.unlink(missing_ok=True)
            self._mark = None
        if worker_message.file_set is not None and self._home is not None:
            unpack(worker_message.file_set, self._home)
        return worker_message.message

    def stop(self, *, at_once: bool = False) -> None:
        """End the actor; one that is to end after its job has none when this is called.

        One out of reach ends with its node, which has lost the cluster, too.
        """
        del at_once
        if self._backend.head_monitor.is_gone or not ray.is_initialized():
            return
        with contextlib.suppress(RayError, ConnectionError):
            if self._answers:
                ray.wait([self._actor.close.remote()], timeout=_CLOSE_SECONDS)
            ray.kill(self._actor)

    def _is_lost(self, error: RayError) -> bool:
        """Return whether its node was taken away or cut off, rather than the worker failing.

        That a process ended on a node that lives may well be its own doing.
        """
        if isinstance(error, ActorUnavailableError):
            return True
        if not isinstance(error, ActorDiedError) or self._backend.head_monitor.is_gone:
            return False
        try:
            return ray.get(self.placed) not in _nodes()
        except RayError:  # it ended before it was on any
            return False


def _first_and_last_line(error: Exception) -> str:
    """Return what Ray says of a loss, without the traceback of the node."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    text = " ".join(lines[:1] + lines[-1:] if len(lines) > 1 else lines)
    return without_secrets(text)[:500]
