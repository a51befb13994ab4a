"""What a backend is: where workers run, and the messages between them and the runner.

Nothing else differs between backends: what is trained, when it is scored and what the runner
makes of it does not depend on which one runs.
"""

import dataclasses
import typing
from collections.abc import Sequence

from harness.core.errors import HarnessError
from harness.core.events import Answer, Event
from harness.core.outcome import Reason
from harness.core.score import Protocol
from harness.training.job import TrainingJob
from harness.training.job import WorkerSetup as WorkerSetup


@dataclasses.dataclass(frozen=True)
class WorkerReady:
    """The first message of a worker that has loaded everything.

    Args:
        protocol: What its scores mean.
        notes: Warnings it met on the way, e.g. of too few images; all workers meet the same.
        test_protocol: How it will score on the test split, if it does.
        class_names: The names of the images' classes; None where they have no labels.
    """

    protocol: Protocol
    notes: tuple[str, ...] = ()
    test_protocol: Protocol | None = None
    class_names: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class EventMessage:
    """An event of the training; the worker waits for the answer."""

    event: Event


@dataclasses.dataclass(frozen=True)
class JobFailed:
    """The error that a training raised; the worker itself lives on."""

    reason: Reason
    detail: str


@dataclasses.dataclass(frozen=True)
class JobEnded:
    """The end of a job, with or without an outcome, and how much memory is in use."""

    memory_megabytes: float


@dataclasses.dataclass(frozen=True)
class WorkerRefused:
    """An error that no other trial would escape, such as a full disk."""

    error: HarnessError


@dataclasses.dataclass(frozen=True)
class WorkerDied:
    """The end of a worker, which it could not announce itself.

    Args:
        exit_code: How it ended, where that is known.
        lost: Whether it was taken away, with its node or by whoever ended it: what it was loading
            or training had no part in that. Otherwise it was killed, out of memory or crashed
            below Python.
        last_words: What it wrote last to standard error, some lines; empty where that is unknown.
    """

    exit_code: int | None
    lost: bool = False
    last_words: str = dataclasses.field(default="", compare=False)


Message = WorkerReady | EventMessage | JobFailed | JobEnded | WorkerRefused | WorkerDied


class Worker(typing.Protocol):
    """A worker from the runner's side."""

    def train(self, job: TrainingJob) -> None:
        """Send a job; its events come back as messages."""

    def answer(self, answer: Answer) -> None:
        """Answer the last `EventMessage`."""

    def receive(self) -> Message:
        """Return the next message; `WorkerDied` when there will be no more."""

    def stop(self, *, at_once: bool = False) -> None:
        """End the worker: after its current job, or at once."""


class Backend(typing.Protocol):
    """A place where workers run."""

    def start_worker(self, slot: int) -> Worker:
        """Start the worker of a slot, numbered from 0, or the one that replaces it."""

    def wait(self, workers: Sequence[Worker], timeout_seconds: float) -> Sequence[Worker]:
        """Return the workers that have sent something, waiting for the first of them."""

    def never_ready(self, died: WorkerDied) -> str:
        """Return what to tell a user whose workers end before they are ready."""

    def close(self) -> None:
        """Give back what the backend itself took; its workers have been stopped."""
