"""Run a study: hand trials to workers, answer their events, keep the order of truth.

The brain is one process and the only one of a sweep that talks to Optuna. Sweeps that share a
study do not talk to each other: `Share` says what each may do.
"""

import contextlib
import dataclasses
import time
import warnings
from pathlib import Path

from harness.events import Answer, Event, Finished, Progressed, RungScored
from harness.outcome import Reason
from harness.score import Protocol
from harness.search import objective
from harness.search.assignments import Assignment, Assignments
from harness.search.crew import Crew, Post, never_ready
from harness.search.endings import Endings, Listener
from harness.search.examples import user_functions
from harness.search.folders import check_study_name
from harness.search.options import SweepOptions
from harness.search.signals import Signals
from harness.search.space import SearchSpace, load_enqueued
from harness.search.stopping import Stop
from harness.search.storage_url import find_storage
from harness.search.study import Study
from harness.search.workers import Broke, Died, Left, Message, Ready, Refused, Said, WorkerSetup
from harness.tracking.tracker import check_tracker

_MOST_DEATHS = 3
"""A trial whose worker died this often is the cause of it, and ends as crashed."""

_PATIENCE_SECONDS = 5.0
"""How long a signalled sweep waits for checkpoints; a training whose worker took longer, because
it compiles or hangs, goes on from an earlier one."""


class Brain:
    """Run one study until it has its trials, or until something stops it.

    Args:
        space: What is searched.
        options: How to run.
    """

    def __init__(self, space: SearchSpace, options: SweepOptions) -> None:
        check_study_name(options.name)
        check_tracker(options.tracker)
        self._space = space
        self.options = options
        setup = WorkerSetup(
            dataset=space.dataset,
            data_dir=options.data_dir,
            extractor=space.protocol.extractor,
            weights=options.weights,
            metric=space.protocol.metric,
            num_images=space.protocol.num_images,
            threads=options.threads,
            deterministic=space.deterministic,
            functions=user_functions(space),
        )
        self._storage = dataclasses.replace(
            find_storage(self.folder, options.storage), lease_seconds=options.lease_seconds
        )
        self._storage.check()
        self._enqueued = load_enqueued(options.enqueue, space) if options.enqueue else []
        self._crew = Crew(setup, options.workers, options.gpus)
        self._signals = Signals()
        self._stop: Stop | None = None
        self._unfinished = False

    def run(self, listener: Listener) -> Stop | None:
        """Run the study; return why it stopped before it had its trials, or None.

        Args:
            listener: Hears every event.

        Raises:
            HarnessError: If the study cannot be opened or its folder not be written.
        """
        self._listener = listener
        with self._signals, contextlib.closing(self._crew):
            protocol = self._start_workers()
            if protocol is not None:
                self._space.check_labels(labelled=protocol.labels != "none")
                study = Study(
                    self.options.studies_dir,
                    self.options.name,
                    space=self._space,
                    seed=self.options.seed,
                    protocol=protocol,
                    storage=self._storage,
                )
                with contextlib.closing(study):
                    self._run(study)
        return self._stop if self._unfinished else None

    @property
    def folder(self) -> Path:
        """Return the study's folder."""
        return self.options.studies_dir / self.options.name

    # Starting and resuming

    def _start_workers(self) -> Protocol | None:
        """Start all workers and wait for the first to be ready; None if stopped meanwhile."""
        self._crew.start()
        while not self._signals.stop:
            for post in self._crew.wait():
                message = post.worker.receive()
                if isinstance(message, Refused):
                    raise message.error
                if isinstance(message, Died) and not self._signals.stop:
                    raise never_ready(message.exit_code)
                if isinstance(message, Ready):
                    self._crew.welcome(post)
                    for note in message.notes:
                        warnings.warn(note, stacklevel=3)
                    return message.protocol
        self._stop, self._unfinished = self._signals.stop, True
        return None

    def _run(self, study: Study) -> None:
        """Take up where the study stands: nothing asked for before is asked for again."""
        self._study = study
        with study.share.turn(), study.storage_faults():
            for params in self._enqueued:
                study.optuna.enqueue_trial(params, skip_if_exists=True)
        self._endings = Endings(study, self.options, self._listener)
        self._listener.opened(study.count_ended())
        self._assignments = Assignments(study, self._space, self.options)
        try:
            self._loop()
        finally:  # leave no W&B run open, however the sweep ends
            self._assignments.close()
            for post in self._crew.posts:
                if post.assignment is not None:
                    post.assignment.tracker.close()
            self._crew.close()  # before another sweep may take over what they train

    # The loop

    def _loop(self) -> None:
        while True:
            self._stop = self._signals.stop or self._stop or self._endings.stop()
            self._employ()
            busy = any(post.assignment for post in self._crew.posts)
            if self._stop and (not busy or self._is_out_of_patience()):
                self._unfinished = self._unfinished or busy or bool(self._assignments)
                return
            if not busy and not self._assignments:
                return
            speaking = self._crew.wait()
            lost = self._renew()
            for post in speaking:
                if post not in lost:
                    self._hear(post, post.worker.receive())
            for post in [post for post in self._crew.posts if post.is_overdue]:
                self._give_up(post)

    def _is_out_of_patience(self) -> bool:
        since = self._signals.since
        return since is not None and time.monotonic() - since > _PATIENCE_SECONDS

    def _renew(self) -> list[Post]:
        """Keep what this sweep has of a shared study; return the posts that lost their training.

        What a sweep had that was suspended for too long, others go on with: it must not write
        another word about it.
        """
        if not self._study.share.is_due():
            return []
        names = self._study.share.renew()
        self._assignments.forget(names)
        lost = []
        for post in self._crew.posts:
            if post.assignment is not None and post.assignment.job.name in names:
                post.worker.stop(at_once=True)
                post.assignment.tracker.close()
                self._crew.replace(post)
                lost.append(post)
        self._endings.follow()
        return lost

    def _employ(self) -> None:
        """Hand out trainings while there are workers without one, and trainings without any."""
        for post in self._crew.posts:
            if post.ready and post.assignment is None and not self._find_work(post):
                return

    def _find_work(self, post: Post) -> bool:
        while not self._stop:
            assignment = self._assignments.next()
            if assignment is None:
                return False
            outcome = assignment.job.folder.read_outcome()
            if outcome is None:
                post.employ(assignment)
                return True
            # It ended before an interruption, and only its folder knows: tell the others.
            self._endings.settle(assignment, outcome)
        return False

    def _hear(self, post: Post, message: Message) -> None:
        assignment = post.assignment
        post.silent_seconds = 0.0
        match message:
            case Ready():
                self._crew.welcome(post)
            case Said(event) if assignment is not None:
                post.worker.answer(self._answer(assignment, event))
            case Broke(reason, detail) if assignment is not None and not assignment.ended:
                self._endings.end(assignment, assignment.outcome(reason, detail))
                post.is_spent = reason is Reason.OUT_OF_MEMORY
            case Left(memory_megabytes):
                self._leave(post, memory_megabytes)
            case Refused(error):
                raise error
            case Died(exit_code):
                self._crew.note_death(post, exit_code)
                self._crew.replace(post)
                if assignment is not None:
                    self._mourn(assignment, exit_code)

    def _leave(self, post: Post, memory_megabytes: float) -> None:
        """Take a worker back, or replace one that grew too much or ran out of memory."""
        if post.assignment is not None:
            post.assignment.tracker.close()
            self._unfinished = self._unfinished or not post.assignment.ended
        post.assignment = None
        if post.is_spent or memory_megabytes > self.options.max_worker_megabytes:
            post.worker.stop()
            self._crew.replace(post)

    def _mourn(self, assignment: Assignment, exit_code: int | None) -> None:
        """Give the trial of a dead worker to another one, from its last checkpoint."""
        if assignment.ended:
            assignment.tracker.close()
            return
        assignment.deaths += 1
        if assignment.deaths < _MOST_DEATHS:
            self._assignments.give_back(assignment)
            return
        detail = f"its worker died {assignment.deaths} times, last with exit code {exit_code}"
        self._endings.end(assignment, assignment.outcome(Reason.CRASHED, detail))

    def _give_up(self, post: Post) -> None:
        """Kill a worker that neither trains nor says that its time is over."""
        assignment = post.assignment
        silent = post.silent_seconds
        post.worker.stop(at_once=True)
        self._crew.replace(post)
        if assignment is not None and not assignment.ended:
            detail = f"its worker was killed after {silent:.0f} seconds of silence"
            self._endings.end(assignment, assignment.outcome(Reason.TIMED_OUT, detail))

    # Events

    def _answer(self, assignment: Assignment, event: Event) -> Answer:
        if isinstance(event, Finished):
            self._endings.end(assignment, event.outcome)
            return Answer.GO_ON
        assignment.tracker.emit(event)
        self._listener.hear(assignment.job.name, assignment.job.config, event)
        if isinstance(event, Progressed | RungScored):
            assignment.last = event
        if isinstance(event, RungScored):
            assignment.best = event.best
        if isinstance(event, RungScored) and self._should_prune(assignment, event):
            return Answer.STOP
        return Answer.PAUSE if self._stop or self._signals.stop else Answer.GO_ON

    def _should_prune(self, assignment: Assignment, event: RungScored) -> bool:
        if assignment.trial is None:
            return False
        with self._study.storage_faults():
            objective.report(assignment.trial, round(event.kimg), event.best.value)
            return assignment.trial.should_prune()
