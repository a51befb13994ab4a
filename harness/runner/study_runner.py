"""Run a sweep or a confirmation: send jobs to workers, answer events, replace what is lost.

The runner is one process, and the only one that talks to Optuna. What there is to train and what
follows from it is the business of a `JobSource`: a sweep has one kind, a confirmation another.
"""

import contextlib
import time
import warnings

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
from harness.backends.factory import find_room, open_backend
from harness.core.durations import elapsed_seconds
from harness.core.events import Answer, Event, Finished, Paused, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.signals import Signals
from harness.runner.job_source import JobSource, Listener, RunningJob
from harness.runner.stop_rules import Stop
from harness.runner.worker_pool import WorkerPool, WorkerSlot

_PATIENCE_SECONDS = 5.0
"""How long a signalled command waits for checkpoints; a training whose worker took longer,
because it compiles or hangs, goes on from an earlier one."""


class StudyRunner:
    """A loop that trains what a source has, until all has ended or something stops it.

    Args:
        source: What there is to train.
        backend: Where workers run; None for the one that the source's options ask for.

    Attributes:
        options: How to run, as the source says.
        pool: The workers.
    """

    def __init__(self, source: JobSource, *, backend: Backend | None = None) -> None:
        self._source = source
        self.options = options = source.options
        workers = min(options.workers or find_room(options.cluster), source.size)
        self.pool = WorkerPool(
            backend
            or open_backend(
                source.setup, workers=workers, gpus=options.gpus, cluster=options.cluster
            ),
            workers,
        )
        self._signals = Signals()
        self._stop: Stop | None = None

    def run(self, listener: Listener) -> Stop | None:
        """Run to the end; return why it stopped before all trainings had ended, or None.

        Args:
            listener: Hears every event.

        Raises:
            HarnessError: If the workers cannot load what they are to or one after the other ends
                before it is ready, if the study cannot be opened or its folder not be written, or
                if a worker met an error that no other training would escape.
        """
        self._listener = listener
        with (
            self._signals,
            contextlib.closing(self._source),
            # First: another process may take over what they train once the source is closed.
            contextlib.closing(self.pool),
        ):
            ready = self._start()
            if ready is None:
                return self._signal_stop()
            listener.opened(self._source.open(ready))
            self._loop()
            return self._stop if self.pool.is_busy or self._source.has_unfinished() else None

    def _start(self) -> WorkerReady | None:
        """Start all workers and wait for the first to be ready; None if signalled meanwhile."""
        self.pool.start()
        while not self._signals.received:
            for slot in self.pool.wait():
                message = slot.worker.receive()
                if isinstance(message, WorkerDied) and self._signals.received:
                    break
                self._take_in(slot, message)
                if isinstance(message, WorkerReady):
                    for note in message.notes:
                        warnings.warn(note, stacklevel=3)
                    return message
        return None

    def _loop(self) -> None:
        source, pool = self._source, self.pool
        while True:
            self._stop = self._signal_stop() or self._stop or source.stop()
            if self._stop is None:
                self._assign_jobs()
            if not pool.is_busy and (self._stop is not None or not source.has_unfinished()):
                return
            since = self._signals.since
            if since is not None and time.monotonic() - since > _PATIENCE_SECONDS:
                return
            for slot in pool.wait():
                slot.silent_seconds = 0.0
                self._take_in(slot, slot.worker.receive())
            for slot in pool.slots:
                if slot.is_overdue:
                    self._give_up(slot)

    def _signal_stop(self) -> Stop | None:
        number = self._signals.received
        if number is None:
            return None
        return Stop("Stopped; the same command goes on from here.", 128 + number)

    def _assign_jobs(self) -> None:
        """Send jobs while there are workers without one, and jobs without any."""
        for running, outcome in self._source.overtaken():
            self._end(running, outcome)
        for slot in self.pool.slots:
            if slot.ready and slot.running is None:
                slot.running = self._source.next()
                if slot.running is None:
                    return
                slot.silent_seconds = 0.0
                slot.worker.train(slot.running.job)

    def _take_in(self, slot: WorkerSlot, message: Message) -> None:
        running = slot.running
        match message:
            case WorkerReady():
                self.pool.mark_ready(slot)
            case EventMessage(event) if running is not None:
                slot.worker.answer(self._answer(running, event))
            case JobFailed(reason, detail) if running is not None and not running.ended:
                self._end(running, running.outcome(reason, detail))
                slot.is_spent = reason is Reason.OUT_OF_MEMORY
            case JobEnded(memory_megabytes):
                self._vacate(slot, memory_megabytes)
            case WorkerRefused(error):
                raise error
            case WorkerDied():
                self.pool.replace_dead(slot, message)
                if running is not None:
                    self._handle_worker_death(running, message)

    def _answer(self, running: RunningJob, event: Event) -> Answer:
        """Pass an event on and return what its training is to do."""
        if isinstance(event, Finished):
            self._end(running, event.outcome)
            return Answer.GO_ON
        running.tracker.emit(event)
        self._listener.hear(running.job.name, running.job.config, event)
        running.note(event)
        if isinstance(event, RungScored):
            answer = self._source.answer(running, event)
            running.waits_at = event.kimg if answer is Answer.PAUSE else None
            if answer is not Answer.GO_ON:
                return answer
        is_over = running.pauses_at is not None and elapsed_seconds() >= running.pauses_at
        return Answer.PAUSE if is_over or self._stop or self._signals.received else Answer.GO_ON

    def _end(self, running: RunningJob, outcome: Outcome) -> None:
        """Pass on how a training ended, in the order of truth: the trackers come last."""
        running.ended = True
        ended = Finished(self._source.record(running, outcome))
        running.tracker.emit(ended)
        running.tracker.close()
        self._listener.hear(running.job.name, running.job.config, ended)

    def _vacate(self, slot: WorkerSlot, memory_megabytes: float) -> None:
        """Free a slot, with a new worker where the old one grew too much or ran out of memory."""
        running = slot.running
        if running is not None and not running.ended:
            if running.waits_at is not None:
                paused = Paused(running.waits_at)
                running.tracker.emit(paused)
                self._listener.hear(running.job.name, running.job.config, paused)
            self._source.release(running)
        if running is not None:
            running.tracker.close()
        slot.running = None
        if slot.is_spent or memory_megabytes > self.options.max_worker_megabytes:
            slot.worker.stop()
            self.pool.replace(slot)

    def _give_up(self, slot: WorkerSlot) -> None:
        """Kill a worker that neither trains nor reports that its time is over."""
        running = slot.running
        silent = slot.silent_seconds
        slot.worker.stop(at_once=True)
        self.pool.replace(slot)
        if running is not None and not running.ended:
            detail = f"its worker was killed after {silent:.0f} seconds of silence"
            self._end(running, running.outcome(Reason.TIMED_OUT, detail))

    def _handle_worker_death(self, running: RunningJob, died: WorkerDied) -> None:
        """Give the training of a dead worker to another one, from its last checkpoint."""
        if running.ended:
            running.tracker.close()
            return
        running.note_death(lost=died.lost)
        if not running.is_deadly:
            self._source.give_back(running)
            return
        count = running.deaths + running.losses
        by_itself = "by itself" if died.exit_code is None else f"with exit code {died.exit_code}"
        how = "with its node" if died.lost else by_itself
        said = died.last_words.rpartition("\n")[2].strip()
        detail = f"its worker died {count} times, last {how}{said and f': {said}'}"
        self._end(running, running.outcome(Reason.CRASHED, detail))
