"""Keep workers busy: hand out trainings, pass on what is said, replace who is lost.

What there is to train and what follows from it is the business of the work: a search has one
kind, a confirmation another.
"""

import contextlib
import time
import typing
import warnings
from collections.abc import Iterator, Sequence

from harness.backends.backend import Engine
from harness.backends.messages import Broke, Died, Left, Message, Ready, Refused, Said
from harness.core.events import Answer, Event, Started
from harness.core.outcome import Outcome, Reason
from harness.runner.job_queue import Assignment
from harness.runner.signals import Signals
from harness.runner.stop_rules import Stop
from harness.runner.worker_pool import Crew, Post

_PATIENCE_SECONDS = 5.0
"""How long a signalled command waits for checkpoints; a training whose worker took longer,
because it compiles or hangs, goes on from an earlier one."""


class Work(typing.Protocol):
    """Say what there is to train, and hear what becomes of it."""

    def next(self) -> Assignment | None:
        """Return the next training; None if there is nothing to hand out now."""

    def answer(self, assignment: Assignment, event: Event) -> Answer:
        """Take in what a training said, and answer it."""

    def end(self, assignment: Assignment, outcome: Outcome) -> None:
        """Take in the end of a training that could not tell it itself."""

    def give_back(self, assignment: Assignment) -> None:
        """Take back a training whose worker died, to hand it out again."""


class Foreman:
    """Start workers and keep them busy.

    Args:
        engine: Where they run.
        workers: How many.
        max_worker_megabytes: A worker that grew beyond is replaced after its training.
    """

    def __init__(self, engine: Engine, *, workers: int, max_worker_megabytes: float) -> None:
        self._crew = Crew(engine, workers)
        self._signals = Signals()
        self._max_worker_megabytes = max_worker_megabytes
        self.unfinished = False

    @contextlib.contextmanager
    def on_duty(self) -> Iterator[None]:
        """Note signals while the block runs, and end all workers after it."""
        with self._signals, contextlib.closing(self._crew):
            yield

    @property
    def signalled(self) -> Stop | None:
        """Return the stop that a signal asked for, if one did."""
        return self._signals.stop

    @property
    def posts(self) -> Sequence[Post]:
        """Return the workers' places."""
        return self._crew.posts

    @property
    def is_busy(self) -> bool:
        """Return whether any worker has a training."""
        return any(post.assignment for post in self.posts)

    @property
    def is_out_of_patience(self) -> bool:
        """Return whether a signal came so long ago that nothing is waited for any more."""
        since = self._signals.since
        return since is not None and time.monotonic() - since > _PATIENCE_SECONDS

    def start(self) -> Ready | None:
        """Start all workers and wait for the first to be ready; None if signalled meanwhile.

        Raises:
            HarnessError: If the workers cannot load what they are to, or one after the other
                ends before it is ready.
        """
        self._crew.start()
        while not self._signals.stop:
            for post in self._crew.wait():
                message = post.worker.receive()
                if isinstance(message, Refused):
                    raise message.error
                if isinstance(message, Died) and not self._signals.stop:
                    self._crew.bury(post, message)
                if isinstance(message, Ready):
                    self._crew.welcome(post)
                    for note in message.notes:
                        warnings.warn(note, stacklevel=3)
                    return message
        self.unfinished = True
        return None

    def employ(self, work: Work) -> None:
        """Hand out trainings while there are workers without one, and trainings without any."""
        for post in self.posts:
            if post.ready and post.assignment is None:
                assignment = work.next()
                if assignment is None:
                    return
                post.employ(assignment)

    def wait(self) -> list[Post]:
        """Return the posts that have something to say, waiting a moment for the first."""
        return self._crew.wait()

    def hear(self, work: Work, speaking: Sequence[Post]) -> None:
        """Pass on what some have to say, and give up those that have been silent for too long.

        Raises:
            HarnessError: If a worker met an error that no other training would escape.
        """
        for post in speaking:
            self._hear(work, post, post.worker.receive())
        for post in [post for post in self.posts if post.is_overdue]:
            self._give_up(work, post)

    def drop(self, post: Post) -> None:
        """Take a training from its worker at once, with no word more about it."""
        post.worker.stop(at_once=True)
        if post.assignment is not None:
            post.assignment.tracker.close()
        self._crew.replace(post)

    def close(self) -> None:
        """End all workers at once and leave no tracker open."""
        for post in self.posts:
            if post.assignment is not None:
                post.assignment.tracker.close()
        self._crew.close()

    def _hear(self, work: Work, post: Post, message: Message) -> None:
        assignment = post.assignment
        post.silent_seconds = 0.0
        match message:
            case Ready():
                self._crew.welcome(post)
            case Said(event) if assignment is not None:
                if isinstance(event, Started):
                    assignment.note_start(event.kimg)
                post.worker.answer(work.answer(assignment, event))
            case Broke(reason, detail) if assignment is not None and not assignment.ended:
                work.end(assignment, assignment.outcome(reason, detail))
                post.is_spent = reason is Reason.OUT_OF_MEMORY
            case Left(memory_megabytes):
                self._leave(post, memory_megabytes)
            case Refused(error):
                raise error
            case Died():
                self._crew.bury(post, message)
                if assignment is not None:
                    _mourn(work, assignment, message)

    def _leave(self, post: Post, memory_megabytes: float) -> None:
        """Take a worker back, or replace one that grew too much or ran out of memory."""
        if post.assignment is not None:
            post.assignment.tracker.close()
            self.unfinished = self.unfinished or not post.assignment.ended
        post.assignment = None
        if post.is_spent or memory_megabytes > self._max_worker_megabytes:
            post.worker.stop()
            self._crew.replace(post)

    def _give_up(self, work: Work, post: Post) -> None:
        """Kill a worker that neither trains nor says that its time is over."""
        assignment = post.assignment
        silent = post.silent_seconds
        post.worker.stop(at_once=True)
        self._crew.replace(post)
        if assignment is not None and not assignment.ended:
            detail = f"its worker was killed after {silent:.0f} seconds of silence"
            work.end(assignment, assignment.outcome(Reason.TIMED_OUT, detail))


def _mourn(work: Work, assignment: Assignment, died: Died) -> None:
    """Give the training of a dead worker to another one, from its last checkpoint."""
    if assignment.ended:
        assignment.tracker.close()
        return
    assignment.note_death(lost=died.lost)
    if not assignment.is_deadly:
        work.give_back(assignment)
        return
    count = assignment.deaths + assignment.losses
    by_itself = "by itself" if died.exit_code is None else f"with exit code {died.exit_code}"
    how = "with its node" if died.lost else by_itself
    detail = f"its worker died {count} times, last {how}"
    work.end(assignment, assignment.outcome(Reason.CRASHED, detail))
