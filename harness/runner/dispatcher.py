"""Keep workers busy: hand out trainings, pass on what is said, replace who is lost.

What there is to train and what follows from it is the business of the work: a search has one
kind, a confirmation another.
"""

import contextlib
import time
import typing
import warnings
from collections.abc import Iterator, Sequence

from harness.backends.backend import (
    Backend,
    EventMessage,
    JobEnded,
    JobFailed,
    Message,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
)
from harness.core.events import Answer, Event, Started
from harness.core.outcome import Outcome, Reason
from harness.core.signals import Signals
from harness.runner.job_queue import RunningJob
from harness.runner.stop_rules import Stop
from harness.runner.worker_pool import WorkerPool, WorkerSlot

_PATIENCE_SECONDS = 5.0
"""How long a signalled command waits for checkpoints; a training whose worker took longer,
because it compiles or hangs, goes on from an earlier one."""


class JobSource(typing.Protocol):
    """Say what there is to train, and hear what becomes of it."""

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is nothing to hand out now."""

    def answer(self, running: RunningJob, event: Event) -> Answer:
        """Take in what a training said, and answer it."""

    def end(self, running: RunningJob, outcome: Outcome) -> None:
        """Take in the end of a training that could not tell it itself."""

    def give_back(self, running: RunningJob) -> None:
        """Take back a training whose worker died, to hand it out again."""


class Dispatcher:
    """Start workers and keep them busy.

    Args:
        backend: Where they run.
        workers: How many.
        max_worker_megabytes: A worker that grew beyond is replaced after its training.
    """

    def __init__(self, backend: Backend, *, workers: int, max_worker_megabytes: float) -> None:
        self._pool = WorkerPool(backend, workers)
        self._signals = Signals()
        self._max_worker_megabytes = max_worker_megabytes
        self.unfinished = False

    @contextlib.contextmanager
    def on_duty(self) -> Iterator[None]:
        """Note signals while the block runs, and end all workers after it."""
        with self._signals, contextlib.closing(self._pool):
            yield

    @property
    def signalled(self) -> Stop | None:
        """Return the stop that a signal asked for, if one did."""
        number = self._signals.received
        if number is None:
            return None
        return Stop("Stopped; the same command goes on from here.", 128 + number)

    @property
    def slots(self) -> Sequence[WorkerSlot]:
        """Return the workers' places."""
        return self._pool.slots

    @property
    def is_busy(self) -> bool:
        """Return whether any worker has a training."""
        return any(slot.running for slot in self.slots)

    @property
    def is_out_of_patience(self) -> bool:
        """Return whether a signal came so long ago that nothing is waited for any more."""
        since = self._signals.since
        return since is not None and time.monotonic() - since > _PATIENCE_SECONDS

    def start(self) -> WorkerReady | None:
        """Start all workers and wait for the first to be ready; None if signalled meanwhile.

        Raises:
            HarnessError: If the workers cannot load what they are to, or one after the other
                ends before it is ready.
        """
        self._pool.start()
        while not self._signals.received:
            for slot in self._pool.wait():
                message = slot.worker.receive()
                if isinstance(message, WorkerRefused):
                    raise message.error
                if isinstance(message, WorkerDied) and not self._signals.received:
                    self._pool.replace_dead(slot, message)
                if isinstance(message, WorkerReady):
                    self._pool.mark_ready(slot)
                    for note in message.notes:
                        warnings.warn(note, stacklevel=3)
                    return message
        self.unfinished = True
        return None

    def assign(self, work: JobSource) -> None:
        """Hand out trainings while there are workers without one, and trainings without any."""
        for slot in self.slots:
            if slot.ready and slot.running is None:
                running = work.next()
                if running is None:
                    return
                slot.assign(running)

    def wait(self) -> list[WorkerSlot]:
        """Return the posts that have something to say, waiting a moment for the first."""
        return self._pool.wait()

    def hear(self, work: JobSource, speaking: Sequence[WorkerSlot]) -> None:
        """Pass on what some have to say, and give up those that have been silent for too long.

        Raises:
            HarnessError: If a worker met an error that no other training would escape.
        """
        for slot in speaking:
            self._hear(work, slot, slot.worker.receive())
        for slot in [slot for slot in self.slots if slot.is_overdue]:
            self._give_up(work, slot)

    def close(self) -> None:
        """End all workers at once and leave no tracker open."""
        for slot in self.slots:
            if slot.running is not None:
                slot.running.tracker.close()
        self._pool.close()

    def _hear(self, work: JobSource, slot: WorkerSlot, message: Message) -> None:
        running = slot.running
        slot.silent_seconds = 0.0
        match message:
            case WorkerReady():
                self._pool.mark_ready(slot)
            case EventMessage(event) if running is not None:
                if isinstance(event, Started):
                    running.note_start(event.kimg)
                slot.worker.answer(work.answer(running, event))
            case JobFailed(reason, detail) if running is not None and not running.ended:
                work.end(running, running.outcome(reason, detail))
                slot.is_spent = reason is Reason.OUT_OF_MEMORY
            case JobEnded(memory_megabytes):
                self._leave(slot, memory_megabytes)
            case WorkerRefused(error):
                raise error
            case WorkerDied():
                self._pool.replace_dead(slot, message)
                if running is not None:
                    _handle_worker_death(work, running, message)

    def _leave(self, slot: WorkerSlot, memory_megabytes: float) -> None:
        """Take a worker back, or replace one that grew too much or ran out of memory."""
        if slot.running is not None:
            slot.running.tracker.close()
            self.unfinished = self.unfinished or not slot.running.ended
        slot.running = None
        if slot.is_spent or memory_megabytes > self._max_worker_megabytes:
            slot.worker.stop()
            self._pool.replace(slot)

    def _give_up(self, work: JobSource, slot: WorkerSlot) -> None:
        """Kill a worker that neither trains nor says that its time is over."""
        running = slot.running
        silent = slot.silent_seconds
        slot.worker.stop(at_once=True)
        self._pool.replace(slot)
        if running is not None and not running.ended:
            detail = f"its worker was killed after {silent:.0f} seconds of silence"
            work.end(running, running.outcome(Reason.TIMED_OUT, detail))


def _handle_worker_death(work: JobSource, running: RunningJob, died: WorkerDied) -> None:
    """Give the training of a dead worker to another one, from its last checkpoint."""
    if running.ended:
        running.tracker.close()
        return
    running.note_death(lost=died.lost)
    if not running.is_deadly:
        work.give_back(running)
        return
    count = running.deaths + running.losses
    by_itself = "by itself" if died.exit_code is None else f"with exit code {died.exit_code}"
    how = "with its node" if died.lost else by_itself
    detail = f"its worker died {count} times, last {how}"
    work.end(running, running.outcome(Reason.CRASHED, detail))
