"""Say what an engine is: where workers run, and how their messages travel.

Nothing else differs between engines: what is trained, when it is scored and what the runner makes
of it does not depend on which one runs.
"""

import typing
from collections.abc import Sequence

from harness.backends.messages import Message
from harness.core.events import Answer
from harness.training.job import TrainingJob


class Worker(typing.Protocol):
    """Hold one worker from the runner's side."""

    def train(self, job: TrainingJob) -> None:
        """Hand over a job; its events come back as messages."""

    def answer(self, answer: Answer) -> None:
        """Answer the event of the last `Said`."""

    def receive(self) -> Message:
        """Return the next message; `Died` when there will be no more."""

    def stop(self, *, at_once: bool = False) -> None:
        """End the worker: after its current job, or at once."""


class Backend(typing.Protocol):
    """Start workers and listen to all of them."""

    def start_worker(self, slot: int) -> Worker:
        """Start the worker of a place, numbered from 0, or the one that takes its place."""

    def wait(self, workers: Sequence[Worker], timeout_seconds: float) -> Sequence[Worker]:
        """Return the workers that have something to say, waiting for the first of them."""

    def never_ready(self, exit_code: int | None) -> str:
        """Return what to tell a user whose workers end before they are ready."""

    def close(self) -> None:
        """Give back what the engine itself took; its workers have been stopped."""
