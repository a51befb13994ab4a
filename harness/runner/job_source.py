"""What a runner asks for its work: the sources of jobs, and a job while it runs."""

import dataclasses
import typing
from collections.abc import Sequence

import optuna

from harness.backends.backend import WorkerReady, WorkerSetup
from harness.core.events import Answer, Event, Progressed, RungScored, Started
from harness.core.outcome import Outcome, Reason
from harness.core.score import Score
from harness.gan.config.config import GANConfig
from harness.runner.stop_rules import Stop
from harness.runner.sweep_options import RunOptions
from harness.tracking.tracker import Tracker
from harness.training.job import TrainingJob

_MOST_DEATHS = 3
"""A training whose worker died by itself this often is the cause of it."""

_MOST_LOSSES = 10
"""So many workers that were taken away without a new checkpoint between are no accident."""


@dataclasses.dataclass
class RunningJob:
    """A training from the runner's side, whichever worker runs it.

    Args:
        job: What the worker is given.
        tracker: Records its events.
        trial: Its Optuna trial; None for a training that is none.
        deadline_seconds: When its worker must have reported that it timed out; None for no limit.
        deaths: How many workers died over it by themselves.
        losses: How many were taken away in a row since it last went on from a later checkpoint.
        began_kimg: Where its present worker, or the last one, began.
        ended: Whether it has its outcome.
        verdict: Why the source ended it, in a sentence; empty where it did not.
        pauses_at: When it is to save itself and leave, by `elapsed_seconds`; None for never.
        waits_at: The rung in kimg at which it was told to wait; None otherwise.
        last: The last event about its progress.
        best: Its best rung score so far.
    """

    job: TrainingJob
    tracker: Tracker
    trial: optuna.Trial | None = None
    deadline_seconds: float | None = None
    deaths: int = 0
    losses: int = 0
    began_kimg: float = 0.0
    ended: bool = False
    verdict: str = ""
    pauses_at: float | None = None
    waits_at: float | None = None
    last: Progressed | RungScored | None = None
    best: Score | None = None

    @property
    def seconds(self) -> float:
        """Return how long it had trained at its last event."""
        return self.last.duration_seconds if self.last else 0.0

    def note(self, event: Event) -> None:
        """Take in an event; what was lost before a later checkpoint is forgiven."""
        match event:
            case Started(kimg):
                self.losses = 0 if kimg > self.began_kimg else self.losses
                self.began_kimg = kimg
            case Progressed():
                self.last = event
            case RungScored():
                self.last, self.best = event, event.best

    def note_death(self, *, lost: bool) -> None:
        """Count a worker that died, or was taken away with its node."""
        self.losses += lost
        self.deaths += not lost

    @property
    def is_deadly(self) -> bool:
        """Return whether so many workers ended over it that it seems to be the cause."""
        return self.deaths >= _MOST_DEATHS or self.losses >= _MOST_LOSSES

    def outcome(self, reason: Reason, detail: str) -> Outcome:
        """Return the outcome of a training whose worker could not send it."""
        return Outcome(
            reason=reason,
            detail=detail,
            kimg=self.last.kimg if self.last else 0.0,
            duration_seconds=self.seconds,
            best=self.best,
        )


class JobSource(typing.Protocol):
    """A source of trainings, and of what follows from how they go and end."""

    @property
    def options(self) -> RunOptions:
        """Return how to run."""

    @property
    def setup(self) -> WorkerSetup:
        """Return what every worker loads."""

    @property
    def size(self) -> int:
        """Return how many trainings there are at most; more workers are of no use."""

    def open(self, ready: WorkerReady) -> int:
        """Take up where the study stands, and return how many of the trainings have ended.

        Args:
            ready: What the first worker has loaded.
        """

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is none to hand out now."""

    def has_unfinished(self) -> bool:
        """Return whether any training has not ended."""

    def answer(self, running: RunningJob, event: RungScored) -> Answer:
        """Return whether a training that passed a rung goes on, ends there, or waits."""

    def release(self, running: RunningJob) -> None:
        """Take back a training that has saved itself and left without an end."""

    def overtaken(self) -> Sequence[tuple[RunningJob, Outcome]]:
        """Return trainings that waited and end now, as others have left them behind."""

    def record(self, running: RunningJob, outcome: Outcome) -> Outcome:
        """Write how a training ended: in its folder first, then wherever else it counts.

        Returns:
            The outcome as it was written, for the trackers.
        """

    def stop(self) -> Stop | None:
        """Return why to stop before all trainings have ended, or None to go on."""

    def give_back(self, running: RunningJob) -> None:
        """Put a training whose worker died first in the queue, with its tracker opened anew.

        What came after its checkpoint will come again: only a tracker that is opened anew takes
        that up without doubles.
        """

    def close(self) -> None:
        """Close trackers of what was given back and not taken up, and release the study."""


class Listener(typing.Protocol):
    """A view of a running study from outside, e.g. its display."""

    def opened(self, ended: int) -> None:
        """Learn that the study is open and how many of its trainings have ended already."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Learn of an event of the training of that name."""


class NullListener:
    """A listener that shows nothing."""

    def opened(self, ended: int) -> None:
        """Ignore how many trainings have ended."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Ignore the event."""
