"""Run a study: hand trials to workers, answer their events, keep the order of truth.

The runner is one process, and the only one that talks to Optuna.
"""

import contextlib
from pathlib import Path
from typing import Any

from harness.backends.backend import Backend, WorkerSetup
from harness.backends.factory import find_room, open_backend
from harness.core.events import Answer, Event, Finished, Progressed, RungScored
from harness.core.outcome import Outcome
from harness.runner.dispatcher import Dispatcher
from harness.runner.job_queue import JobQueue, RunningJob
from harness.runner.open_study import Study
from harness.runner.outcomes import Listener, OutcomeRecorder
from harness.runner.stop_rules import Stop
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace, load_enqueued
from harness.space.user_function_examples import user_functions
from harness.study import optuna_trials
from harness.study.record import check_study_name, read_study


def check_options(space: SearchSpace, options: SweepOptions) -> list[dict[str, Any]]:
    """Return what is tried first, having refused bad options.

    Nothing is written for that, and no cluster asked.

    Raises:
        HarnessError: If one of them is bad, or the study is kept elsewhere than in its folder.
    """
    check_study_name(options.name)
    folder = options.studies_dir / options.name
    if (folder / "study.json").exists():
        read_study(folder)
    return load_enqueued(options.enqueue, space) if options.enqueue else []


class StudyRunner:
    """Run one study until it has its trials, or until something stops it.

    Args:
        space: What is searched.
        options: How to run.
        backend: Where workers run; None for the one that the options ask for.
    """

    def __init__(
        self, space: SearchSpace, options: SweepOptions, *, backend: Backend | None = None
    ) -> None:
        self._enqueued = check_options(space, options)
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
        workers = options.workers or min(find_room(options.cluster), options.trials)
        self._dispatcher = Dispatcher(
            backend
            or open_backend(setup, workers=workers, gpus=options.gpus, cluster=options.cluster),
            workers=workers,
            max_worker_megabytes=options.max_worker_megabytes,
        )
        self._stop: Stop | None = None

    def run(self, listener: Listener) -> Stop | None:
        """Run the study; return why it stopped before it had its trials, or None.

        Args:
            listener: Hears every event.

        Raises:
            HarnessError: If the study cannot be opened or its folder not be written.
        """
        self._listener = listener
        with self._dispatcher.on_duty():
            ready = self._dispatcher.start()
            if ready is None:
                return self._dispatcher.signalled
            self._space.check_labels(labelled=ready.protocol.labels != "none")
            study = Study(
                self.options.studies_dir,
                self.options.name,
                space=self._space,
                seed=self.options.seed,
                protocol=ready.protocol,
            )
            with contextlib.closing(study):
                self._run(study)
        return self._stop if self._dispatcher.unfinished else None

    @property
    def folder(self) -> Path:
        """Return the study's folder."""
        return self.options.studies_dir / self.options.name

    def _run(self, study: Study) -> None:
        """Take up where the study stands: nothing asked for before is asked for again."""
        self._study = study
        with study.storage_faults():
            for params in self._enqueued:
                study.optuna.enqueue_trial(params, skip_if_exists=True)
        self._endings = OutcomeRecorder(study, self.options, self._listener)
        self._listener.opened(study.count_ended())
        self._job_queue = JobQueue(study, self._space, self.options)
        try:
            self._loop()
        finally:  # leave no W&B run open, however the sweep ends
            self._job_queue.close()
            self._dispatcher.close()  # before another sweep may take over what they train

    def _loop(self) -> None:
        dispatcher = self._dispatcher
        while True:
            self._stop = dispatcher.signalled or self._stop or self._endings.stop()
            if not self._stop:
                dispatcher.assign(self)
            if self._stop and (not dispatcher.is_busy or dispatcher.is_out_of_patience):
                if dispatcher.is_busy or self._job_queue:
                    dispatcher.unfinished = True
                return
            if not dispatcher.is_busy and not self._job_queue:
                return
            dispatcher.hear(self, dispatcher.wait())

    # The work, as the dispatcher asks for it

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is nothing to hand out now."""
        while (running := self._job_queue.next()) is not None:
            outcome = running.job.folder.read_outcome()
            if outcome is None:
                return running
            # It ended before an interruption, and only its folder knows: tell the others.
            self._endings.settle(running, outcome)
        return None

    def end(self, running: RunningJob, outcome: Outcome) -> None:
        """Take in the end of a training that could not tell it itself."""
        self._endings.end(running, outcome)

    def give_back(self, running: RunningJob) -> None:
        """Put a training whose worker died first in the queue."""
        self._job_queue.give_back(running)

    def answer(self, running: RunningJob, event: Event) -> Answer:
        """Take in what a training said, and answer it."""
        if isinstance(event, Finished):
            self._endings.end(running, event.outcome)
            return Answer.GO_ON
        running.tracker.emit(event)
        self._listener.hear(running.job.name, running.job.config, event)
        if isinstance(event, Progressed | RungScored):
            running.last = event
        if isinstance(event, RungScored):
            running.best = event.best
        if isinstance(event, RungScored) and self._should_prune(running, event):
            return Answer.STOP
        return Answer.PAUSE if self._stop or self._dispatcher.signalled else Answer.GO_ON

    def _should_prune(self, running: RunningJob, event: RungScored) -> bool:
        if running.trial is None:
            return False
        with self._study.storage_faults():
            optuna_trials.report(running.trial, round(event.kimg), event.best.value)
            return running.trial.should_prune()
