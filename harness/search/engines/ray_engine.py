"""Run training sessions in actors that Ray places on the nodes of a cluster.

The brain talks to each worker by the methods of its actor, `Hand`. A worker whose process or node
is gone is put in place anew by Ray as soon as there is room, on whichever node.
"""

import contextlib
import dataclasses
import time
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.data.datasets import load_dataset
from harness.data.images import ImageDataset
from harness.errors import HarnessError
from harness.events import Answer
from harness.search.engines.cluster import Cluster
from harness.search.engines.engine import Worker
from harness.search.engines.messages import Died, Message, WorkerSetup
from harness.search.engines.ray_connection import connect, disconnect, missing_node, offer
from harness.search.engines.ray_hand import Hand
from harness.search.engines.travel import Errand, Letter, pack, pack_luggage, unpack
from harness.training.folder import TrainingFolder
from harness.training.job import TrainingJob

import ray  # isort: skip - after `ray_connection`, which says first what Ray may tell its makers
from ray.exceptions import RayError  # isort: skip

_SILENT_SECONDS = 60.0
"""How long no worker may be ready before the user is told what is waited for."""

_TIDY_SECONDS = 1.0


class RayEngine:
    """Run workers as actors of a cluster.

    Args:
        setup: What each loads.
        workers: How many there will be.
        cluster: Where, and what each takes of it.

    Raises:
        ConfigError: If there is no cluster at its address.
    """

    def __init__(self, setup: WorkerSetup, *, workers: int, cluster: Cluster) -> None:
        connect(cluster)
        self._setup = setup
        self._count = workers
        self._cluster = cluster
        self._hand: Any = ray.remote(Hand).options(
            num_cpus=cluster.cpus_per_worker,
            num_gpus=cluster.gpus_per_worker,
            max_concurrency=3,  # listening waits in one thread, and the others go on
            # The brain puts a new actor in the place of one that is lost. Ray's own restarts
            # would have it ask again and again whether there is room for the old one.
            max_restarts=0,
        )
        self._luggage: Any = None
        self._fates: list[str] = []
        self._silent_since: float | None = None
        self._has_complained = False

    def recruit(self, slot: int) -> Worker:
        """Start the worker of a place, on whichever node there is room for it, now or later."""
        del slot  # Ray leases GPUs
        if self._luggage is None:
            setup = self._setup
            dataset = setup.dataset
            if not isinstance(dataset, ImageDataset):
                dataset = load_dataset(dataset, setup.data_dir)
            # One copy a node, which its workers map instead of reading files.
            self._luggage = ray.put(pack_luggage(setup, dataset))
            self._setup = dataclasses.replace(setup, data_dir=None)
            self._silent_since = time.monotonic()
            hint = missing_node(self._cluster)
            if hint:
                warnings.warn(hint, stacklevel=2)
        hand = self._hand.remote(self._setup, self._luggage, self._count)
        return RayWorker(hand, self._cluster, self._fates)

    def wait(self, workers: Sequence[Worker], timeout_seconds: float) -> Sequence[Worker]:
        """Return the workers that have something to say, waiting for the first of them."""
        listening = {w.listening: w for w in workers if isinstance(w, RayWorker)}
        try:
            found, _ = ray.wait(list(listening), timeout=timeout_seconds)
            if found:
                found, _ = ray.wait(list(listening), num_returns=len(listening), timeout=0)
        except ConnectionError as error:
            raise HarnessError(
                f"The connection to the cluster was lost ({error}). Give the same command again "
                f"when it is back: trainings go on from their last checkpoints."
            ) from error
        self._complain_of_silence(heard=bool(found))
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
        self._luggage = None
        disconnect()

    def _complain_of_silence(self, *, heard: bool) -> None:
        """Say once that no worker has become ready, what each takes and what there is."""
        if heard:
            self._silent_since = None
        since = self._silent_since
        if since is None or time.monotonic() - since < _SILENT_SECONDS:
            return
        self._silent_since = None
        warnings.warn(
            f"No worker is ready yet. Each takes {self._cluster.demand}; the cluster has "
            f"{offer()}. Training begins as soon as one is ready.",
            stacklevel=2,
        )


class RayWorker:
    """Hold one worker from the brain's side.

    Args:
        hand: Its actor.
        cluster: Says how files reach the study.
        fates: Gets a line when the worker is lost.
    """

    def __init__(self, hand: Any, cluster: Cluster, fates: list[str]) -> None:
        self._hand = hand
        self._files = cluster.files
        self._fates = fates
        self._home: TrainingFolder | None = None
        self._mark: Path | None = None
        self._answers = False
        self.listening: Any = hand.listen.remote()

    def train(self, job: TrainingJob) -> None:
        """Hand over a job, with the files to go on from for a worker that does not see them."""
        self._home = TrainingFolder(job.folder.path.absolute())
        parcel = None if self._files == "shared" else pack(self._home)
        if self._files != "travel":
            # Named as the session's own unfinished files are, which it removes when it begins.
            self._mark = self._home.path / f".mark.tmp.{uuid.uuid4().hex}"
            self._mark.touch()
        job = dataclasses.replace(job, folder=self._home)
        self._hand.hear.remote(Errand(job, self._mark, parcel))

    def answer(self, answer: Answer) -> None:
        """Answer the event of the last `Said`."""
        self._hand.hear.remote(answer)

    def receive(self) -> Message:
        """Return the next message, having written what came with it; `Died` when none will."""
        try:
            letter: Letter = ray.get(self.listening)
        except RayError as error:
            self._answers = False
            self._fates.append(_first_lines(error))
            return Died(None)
        self.listening = self._hand.listen.remote()
        self._answers = True
        if self._mark is not None:
            self._mark.unlink(missing_ok=True)
            self._mark = None
        if letter.parcel is not None and self._home is not None:
            unpack(letter.parcel, self._home)
        return letter.message

    def stop(self, *, at_once: bool = False) -> None:
        """End the actor; one that is to end after its job has none when this is called."""
        del at_once
        with contextlib.suppress(RayError, ConnectionError):
            if self._answers:
                ray.wait([self._hand.tidy.remote()], timeout=_TIDY_SECONDS)
            ray.kill(self._hand)


def _first_lines(error: Exception) -> str:
    """Return what Ray says of a loss, without the traceback of the node."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return " ".join(lines[:1] + lines[-1:] if len(lines) > 1 else lines)[:500]
