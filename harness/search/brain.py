"""Run a study: hand trials to workers, answer their events, keep the order of truth.

The brain is one process and the only one that talks to Optuna. Whatever ends a trial is written
to the trial's `outcome.json` first, then told to Optuna, then to the trackers; an interruption
between these is mended by replay when the study is opened again.
"""

import contextlib
import signal
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from harness.errors import HarnessError
from harness.events import Answer, Event, Finished, Progressed, RungScored
from harness.gan.config import GANConfig
from harness.outcome import Outcome, Reason
from harness.score import Protocol
from harness.search import objective
from harness.search.assignments import Assignment, Assignments
from harness.search.folders import check_study_name
from harness.search.options import SweepOptions
from harness.search.space import SearchSpace, load_enqueued
from harness.search.study import Study
from harness.search.workers import (
    Broke,
    Died,
    Left,
    Message,
    Ready,
    Refused,
    Said,
    Worker,
    WorkerSetup,
    wait,
)
from harness.tracking.tracker import check_tracker

_MOST_DEATHS = 3
"""A trial whose worker died this often is the cause of it, and ends as crashed."""


class Listener(typing.Protocol):
    """Follow a sweep from outside, e.g. to display it."""

    def opened(self, ended: int) -> None:
        """Learn that the study is open and how many of its trials have ended already."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Learn of an event of the training of that name."""


class Brain:
    """Run one study until it has its trials, or until it is told to stop.

    Args:
        space: What is searched.
        options: How to run.
    """

    def __init__(self, space: SearchSpace, options: SweepOptions) -> None:
        check_study_name(options.name)
        check_tracker(options.tracker)
        self._space = space
        self.options = options
        self._setup = WorkerSetup(
            dataset=space.dataset,
            data_dir=options.data_dir,
            extractor=space.protocol.extractor,
            weights=options.weights,
            num_images=space.protocol.num_images,
            threads=options.threads,
        )
        self._enqueued = load_enqueued(options.enqueue, space) if options.enqueue else []
        self._workers: dict[Worker, Assignment | None] = {}
        self._ready: set[Worker] = set()
        self._stops = 0
        self.stop_signal: int | None = None

    def run(self, listener: Listener) -> bool:
        """Run the study; return whether it ended, False if it was stopped before.

        Args:
            listener: Hears every event.

        Raises:
            HarnessError: If the study cannot be opened or its folder not be written.
        """
        self._listener = listener
        with self._stopping_on_signals():
            self._run()
        return not self._stops

    def _run(self) -> None:
        try:
            protocol = self._start_workers()
            if protocol is None:
                return
            self._study = Study(
                self.options.studies_dir,
                self.options.name,
                space=self._space,
                seed=self.options.seed,
                protocol=protocol,
            )
            try:
                self._open_queue()
                try:
                    self._loop()
                finally:
                    self._close_trackers()
            finally:
                self._study.close()
        finally:
            for worker in self._workers:
                worker.stop(at_once=True)

    def _close_trackers(self) -> None:
        """Leave no W&B run open, however the sweep ends."""
        self._assignments.close()
        for assignment in self._workers.values():
            if assignment is not None:
                assignment.tracker.close()

    @property
    def folder(self) -> Path:
        """Return the study's folder."""
        return self.options.studies_dir / self.options.name

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """Turn Ctrl-C and SIGTERM into a stop in good order; a second one stops at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may take signals
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.stop_signal = number
        self._stops += 1
        if self._stops > 1:  # asked twice: do not even wait for checkpoints
            raise KeyboardInterrupt

    # Starting and resuming

    def _start_workers(self) -> Protocol | None:
        """Start all workers and wait for the first to be ready; None if stopped meanwhile."""
        for _ in range(self.options.workers):
            self._workers[Worker(self._setup)] = None
        protocol = None
        while protocol is None and not self._stops:
            for worker in wait(list(self._workers), 0.5):
                message = worker.receive()
                if isinstance(message, Refused):
                    raise message.error
                if isinstance(message, Died) and not self._stops:
                    raise _never_ready(message.exit_code)
                if isinstance(message, Ready):
                    self._ready.add(worker)
                    protocol = message.protocol
        return protocol

    def _open_queue(self) -> None:
        """Take up where the study stands: nothing asked for before is asked for again."""
        with self._study.storage_faults():
            for params in self._enqueued:
                self._study.optuna.enqueue_trial(params, skip_if_exists=True)
        self._listener.opened(self._study.count_ended())
        self._assignments = Assignments(self._study, self._space, self.options)

    # The loop

    def _loop(self) -> None:
        while True:
            for worker in [w for w in self._ready if self._workers[w] is None]:
                self._employ(worker)
            if not any(self._workers.values()) and (self._stops or not self._assignments):
                return
            for worker in wait(list(self._workers), 0.5):
                self._hear(worker, worker.receive())

    def _employ(self, worker: Worker) -> None:
        while self._assignments and not self._stops:
            assignment = self._assignments.next()
            outcome = assignment.job.folder.read_outcome()
            if outcome is None:
                self._workers[worker] = assignment
                worker.train(assignment.job)
                return
            # It ended before an interruption, and only its folder knows: tell the others.
            self._settle(assignment, outcome)

    def _hear(self, worker: Worker, message: Message) -> None:
        assignment = self._workers[worker]
        match message:
            case Ready():
                self._ready.add(worker)
            case Said(event) if assignment is not None:
                worker.answer(self._answer(assignment, event))
            case Broke(reason, detail) if assignment is not None and not assignment.ended:
                if reason is Reason.OUT_OF_MEMORY and not assignment.starved:
                    assignment.starved = True  # a fresh worker gets a second chance at it
                else:
                    self._end(assignment, assignment.outcome(reason, detail))
            case Left(memory_megabytes):
                self._leave(worker, assignment, memory_megabytes)
            case Refused(error):
                raise error
            case Died(exit_code):
                was_ready = worker in self._ready
                self._replace(worker)
                if assignment is not None and not assignment.ended:
                    self._mourn(assignment, exit_code)
                elif not was_ready:
                    raise _never_ready(exit_code)

    def _leave(
        self, worker: Worker, assignment: Assignment | None, memory_megabytes: float
    ) -> None:
        """Take a worker back, or replace one that grew too much."""
        self._workers[worker] = None
        starved = assignment is not None and assignment.starved and not assignment.ended
        if assignment is not None:
            assignment.tracker.close()
            if starved:
                self._assignments.give_back(assignment)
        if starved or memory_megabytes > self.options.max_worker_megabytes:
            worker.stop()
            self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        del self._workers[worker]
        self._ready.discard(worker)
        if not self._stops:
            self._workers[Worker(self._setup)] = None

    def _mourn(self, assignment: Assignment, exit_code: int | None) -> None:
        """Give the trial of a dead worker to another one, from its last checkpoint."""
        assignment.deaths += 1
        if assignment.deaths < _MOST_DEATHS:
            self._assignments.give_back(assignment)
            return
        detail = f"its worker died {assignment.deaths} times, last with exit code {exit_code}"
        self._end(assignment, assignment.outcome(Reason.CRASHED, detail))
        assignment.tracker.close()

    # Events

    def _answer(self, assignment: Assignment, event: Event) -> Answer:
        if isinstance(event, Finished):
            self._end(assignment, event.outcome)
            return Answer.GO_ON
        assignment.tracker.emit(event)
        self._listener.hear(assignment.job.name, assignment.job.config, event)
        if isinstance(event, Progressed | RungScored):
            assignment.last = event
        if isinstance(event, RungScored):
            assignment.best = event.best
        if isinstance(event, RungScored) and self._should_prune(assignment, event):
            return Answer.STOP
        return Answer.PAUSE if self._stops else Answer.GO_ON

    def _should_prune(self, assignment: Assignment, event: RungScored) -> bool:
        if assignment.trial is None:
            return False
        with self._study.storage_faults():
            objective.report(assignment.trial, round(event.kimg), event.best.value)
            return assignment.trial.should_prune()

    def _end(self, assignment: Assignment, outcome: Outcome) -> None:
        assignment.job.folder.write_outcome(outcome)
        assignment.ended = True
        self._settle(assignment, outcome)

    def _settle(self, assignment: Assignment, outcome: Outcome) -> None:
        """Tell everyone after the folder of an outcome."""
        if assignment.trial is not None:
            with self._study.storage_faults():
                objective.tell(self._study.optuna, assignment.trial, outcome)
        assignment.tracker.emit(Finished(outcome))
        assignment.tracker.close()
        self._listener.hear(assignment.job.name, assignment.job.config, Finished(outcome))


def _never_ready(exit_code: int | None) -> HarnessError:
    return HarnessError(
        f"A worker process ended with exit code {exit_code} before it was ready. Run "
        f"`python -c 'import tensorflow'` to see whether TensorFlow works, and look at the free "
        f"memory."
    )
