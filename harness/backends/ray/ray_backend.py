"""Run training sessions in actors that Ray places on the nodes of a cluster.

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

from harness.backends.backend import Message, Worker, WorkerDied, WorkerSetup
from harness.backends.cluster import Cluster
from harness.backends.ray.connection import connect, disconnect
from harness.backends.ray.file_transfer import JobMessage, WorkerMessage, pack, pack_inputs, unpack
from harness.backends.ray.head_monitor import HeadMonitor
from harness.backends.ray.resources import idle_gpus, offer, shortage
from harness.backends.ray.worker_actor import WorkerActor
from harness.core.errors import HarnessError
from harness.core.events import Answer
from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

import ray  # isort: skip - after `ray_connection`, which says first what Ray may tell its makers
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError  # isort: skip

_PATIENCE = 60.0
"""Seconds after which the user is told if Ray has started no worker yet."""

_LOST = ("its node has died", "killed by `ray.kill`")

_TIDY_SECONDS = 1.0


@contextlib.contextmanager
def _reaching_the_cluster() -> Iterator[None]:
    """Say in one message that a connection through `ray://` is lost."""
    try:
        yield
    except ConnectionError as error:
        raise _cut_off(str(error)) from error


class RayBackend:
    """Run workers as actors of a cluster.

    Args:
        setup: What each loads.
        workers: How many there will be.
        cluster: Where, and what each takes of it.

    Raises:
        ConfigError: If there is no cluster at its address.
    """

    def __init__(self, setup: WorkerSetup, *, workers: int, cluster: Cluster) -> None:
        connect(cluster, workers=workers)
        self._head_monitor = HeadMonitor()
        self._setup = dataclasses.replace(setup, threads=setup.threads or cluster.threads)
        self._count = workers
        self._cluster = cluster
        self._actor: Any = ray.remote(WorkerActor).options(
            num_cpus=cluster.cpus_per_worker,
            num_gpus=cluster.gpus_per_worker,
            max_concurrency=3,  # listening waits in one thread, and the others go on
            # The runner puts a new actor in the place of one that is lost. Ray's own restarts
            # would have it ask again and again whether there is room for the old one.
            max_restarts=0,
        )
        self._shared_inputs: Any = None
        self._fates: list[str] = []
        self._waiting_since: float | None = None

    @_reaching_the_cluster()
    def start_worker(self, slot: int) -> Worker:
        """Start the worker of a place, on whichever node there is room for it, now or later."""
        del slot  # Ray leases GPUs
        if self._shared_inputs is None:
            setup = self._setup
            dataset = setup.dataset
            if not isinstance(dataset, ImageDataset):
                dataset = load_dataset(dataset, setup.data_dir)
            # One copy a node, which its workers map instead of reading files.
            self._shared_inputs = ray.put(pack_inputs(setup, dataset))
            self._setup = dataclasses.replace(setup, data_dir=None)
            self._waiting_since = time.monotonic()
            for hint in (shortage(self._cluster, self._count), idle_gpus(self._cluster)):
                if hint:
                    warnings.warn(hint, stacklevel=2)
        actor = self._actor.remote(self._setup, self._shared_inputs, self._count)
        return RayWorker(actor, self._cluster, fates=self._fates, head_monitor=self._head_monitor)

    @_reaching_the_cluster()
    def wait(self, workers: Sequence[Worker], timeout_seconds: float) -> Sequence[Worker]:
        """Return the workers that have something to say, waiting for the first of them."""
        listening = {w.listening: w for w in workers if isinstance(w, RayWorker)}
        found, _ = ray.wait(list(listening), timeout=timeout_seconds)
        if found:
            found, _ = ray.wait(list(listening), num_returns=len(listening), timeout=0)
        if self._head_monitor.is_gone:
            raise _cut_off("its head does not answer")
        self._complain_of_waiting(list(listening.values()))
        return [listening[ref] for ref in found]

    def never_ready(self, exit_code: int | None) -> str:
        """Return what to tell a user whose workers end before they are ready."""
        del exit_code
        fate = f" The last one: {self._fates[-1]}" if self._fates else ""
        return (
            f"A worker on the cluster ended before it was ready. This package's dependencies, "
            f"TensorFlow among them, must be installed on every node, and each worker needs about "
            f"2 GiB of memory.{fate}"
        )

    def close(self) -> None:
        """Leave the cluster; one that was started for this study ends."""
        self._shared_inputs = None
        self._head_monitor.close()
        disconnect()

    def _complain_of_waiting(self, workers: "Sequence[RayWorker]") -> None:
        """Say once that no worker has been started, what each takes and what there is."""
        if self._waiting_since is None or time.monotonic() - self._waiting_since < _PATIENCE:
            return
        self._waiting_since = None
        placed, _ = ray.wait([worker.placed for worker in workers], timeout=0)
        if not placed:
            warnings.warn(
                f"Ray has started no worker yet. Each takes {self._cluster.demand}; the "
                f"cluster has {offer()}. Training begins as soon as there is room for one.",
                stacklevel=2,
            )


class RayWorker:
    """Hold one worker from the runner's side.

    Args:
        actor: Its actor.
        cluster: Says how files reach the study.
        fates: Gets a line when the worker is lost; holds the last one alone.
        head_monitor: Says whether the cluster can be reached.
    """

    def __init__(
        self, actor: Any, cluster: Cluster, *, fates: list[str], head_monitor: HeadMonitor
    ) -> None:
        self._actor = actor
        self._head_monitor = head_monitor
        self._files = cluster.files
        self._fates = fates
        self._home: TrainingFolder | None = None
        self._mark: Path | None = None
        self._answers = False
        self.placed: Any = actor.__ray_ready__.remote()
        self.listening: Any = actor.listen.remote()

    @_reaching_the_cluster()
    def train(self, job: TrainingJob) -> None:
        """Hand over a job, with the files to go on from for a worker that does not see them."""
        self._home = TrainingFolder(job.folder.path.absolute())
        file_set = None if self._files == "shared" else pack(self._home)
        if self._files != "travel":
            # Named as the session's own unfinished files are, which it removes when it begins.
            self._mark = self._home.path / f".mark.tmp.{uuid.uuid4().hex}"
            self._mark.touch()
        job = dataclasses.replace(job, folder=self._home)
        self._actor.hear.remote(JobMessage(job, self._mark, file_set))

    @_reaching_the_cluster()
    def answer(self, answer: Answer) -> None:
        """Answer the event of the last `EventMessage`."""
        self._actor.hear.remote(answer)

    @_reaching_the_cluster()
    def receive(self) -> Message:
        """Return the next message, having written what came with it; `WorkerDied` at the end."""
        try:
            worker_message: WorkerMessage = ray.get(self.listening)
        except RayError as error:
            self._answers = False
            self._fates[:] = [_first_lines(error)]
            self.stop(at_once=True)  # one that is only out of reach is not to come back
            return WorkerDied(None, lost=_is_lost(error))
        self.listening = self._actor.listen.remote()
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
        if self._head_monitor.is_gone or not ray.is_initialized():
            return
        with contextlib.suppress(RayError, ConnectionError):
            if self._answers:
                ray.wait([self._actor.tidy.remote()], timeout=_TIDY_SECONDS)
            ray.kill(self._actor)


def _cut_off(cause: str) -> HarnessError:
    return HarnessError(
        f"The connection to the cluster was lost ({cause}). Give the same command again when it "
        f"is back: trainings go on from their last checkpoints."
    )


def _is_lost(error: RayError) -> bool:
    """Return whether a worker was taken away, rather than having failed by itself.

    Ray tells by words alone why an actor died; that a process ended on a node that lives may well
    be its own doing.
    """
    if isinstance(error, ActorUnavailableError):
        return True
    return isinstance(error, ActorDiedError) and any(words in str(error) for words in _LOST)


def _first_lines(error: Exception) -> str:
    """Return what Ray says of a loss, without the traceback of the node."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return " ".join(lines[:1] + lines[-1:] if len(lines) > 1 else lines)[:500]
