"""Retrain the leaders of a study on new seeds, in worker processes, until their race has ended."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.backends.backend import WorkerReady, WorkerSetup
from harness.backends.factory import find_room, open_backend
from harness.confirmation.candidates import Retraining
from harness.confirmation.confirm_options import ConfirmOptions
from harness.confirmation.result import FOLDER, Confirmation, write_result
from harness.confirmation.summary import make_plan, sum_up
from harness.core.errors import StudyError
from harness.core.events import Answer, Event, Finished, Progressed, RungScored
from harness.core.locks import is_locked, lock_folder
from harness.core.outcome import Outcome
from harness.core.score import Protocol, require_same_protocol
from harness.core.seeds import derive_seed
from harness.gan.user_code.user_functions import UserFunctions
from harness.runner.dispatcher import Dispatcher
from harness.runner.job_queue import RunningJob
from harness.runner.outcomes import Listener
from harness.runner.stop_rules import Stop
from harness.space.space import SearchSpace
from harness.study.exclusive import study_held
from harness.study.record import find_study
from harness.tracking.catch_up import catch_up
from harness.tracking.tracker import Tracker, TrialIdentity, open_tracker
from harness.training.job import TestScoring, TrainingJob

_SWEEP_RUNS = "a sweep is running this study. Wait for it, or stop it with Ctrl-C."
_CONFIRMATION_RUNS = (
    "another process is confirming this study. Wait for it, or stop it with Ctrl-C."
)


class Confirmer:
    """Confirm one study; the same options again go on where it stopped.

    Its `result` is what is known so far; None before the workers are ready.

    Args:
        options: What to confirm and how.

    Raises:
        HarnessError: If there is no such study, a sweep is running it, none of its trials has
            completed, or an option is bad. Nothing has been written then.
    """

    def __init__(self, options: ConfirmOptions) -> None:
        folder = find_study(options.studies_dir, options.name)
        if is_locked(folder / FOLDER):
            raise StudyError(f"{folder}: {_CONFIRMATION_RUNS}")
        with study_held(folder):
            self.plan = make_plan(folder, top=options.top, seeds=options.seeds)
        self.options = options
        self._space = SearchSpace.load(str(folder / "search_space.yaml"))
        workers = min(options.workers or find_room(options.cluster), len(self.plan.planned))
        self._dispatcher = Dispatcher(
            open_backend(
                self._setup(), workers=workers, gpus=options.gpus, cluster=options.cluster
            ),
            workers=workers,
            max_worker_megabytes=options.max_worker_megabytes,
        )
        self.result: Confirmation | None = None
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._returned: list[RunningJob] = []
        self._handed_out: dict[str, Retraining] = {}

    def run(self, listener: Listener) -> Stop | None:
        """Train, score and write the result; return why it stopped before the end, or None.

        Args:
            listener: Hears every event.

        Raises:
            HarnessError: If the data or the extractor are no longer what the study was made with,
                or its folder cannot be written.
        """
        self._listener = listener
        with self._locks(), self._dispatcher.on_duty():
            ready = self._dispatcher.start()
            if ready is None:
                return self._dispatcher.signalled
            self._protocol = self._check(ready)
            self._read_outcomes()
            self._write_result()
            try:
                self._loop()
            finally:
                for running in self._returned:
                    running.tracker.close()
                self._dispatcher.close()
        return self._dispatcher.signalled if self._dispatcher.unfinished else None

    @property
    def folder(self) -> Path:
        """Return the study's folder."""
        return self.plan.study_folder

    # The work, as the dispatcher asks for it

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is nothing to hand out now."""
        if self._returned:
            return self._returned.pop(0)
        due = set(self._due())
        for each in self.plan.planned:
            if each.key in due and each.name not in self._handed_out:
                self._handed_out[each.name] = each
                return self._assign(each)
        return None

    def answer(self, running: RunningJob, event: Event) -> Answer:
        """Take in what a training said, and answer it."""
        if isinstance(event, Finished):
            self._settle(running, event.outcome)
            return Answer.GO_ON
        running.tracker.emit(event)
        self._listener.hear(running.job.name, running.job.config, event)
        if isinstance(event, Progressed | RungScored):
            running.last = event
        if isinstance(event, RungScored):
            running.best = event.best
        return Answer.PAUSE if self._dispatcher.signalled else Answer.GO_ON

    def end(self, running: RunningJob, outcome: Outcome) -> None:
        """Take in the end of a training that could not tell it itself.

        Raises:
            StudyError: If it had ended well before, and only its exam failed.
        """
        if running.job.folder.outcome_file.exists():
            raise StudyError(
                f"{running.job.folder.path}: its generator could not be scored on the test "
                f"split ({outcome.detail}). Free memory or use fewer --workers, then give the "
                f"same command again."
            )
        self._settle(running, outcome)

    def give_back(self, running: RunningJob) -> None:
        """Take back a training whose worker died, to hand it out again."""
        running.tracker.close()
        running.tracker = self._open_tracker(self._handed_out[running.job.name])
        self._returned.append(running)

    # The rest

    def _setup(self) -> WorkerSetup:
        options, record, protocol = self.options, self.plan.record, self._space.protocol
        same = options.extractor in (None, record.extractor)
        return WorkerSetup(
            dataset=record.dataset,
            data_dir=options.data_dir,
            extractor=record.extractor,
            weights=options.weights if same else None,
            metric=protocol.metric,
            num_images=protocol.num_images,
            threads=options.threads,
            deterministic=self._space.deterministic,
            functions=UserFunctions(
                self._space.files, tuple(entry.config for entry in self.plan.candidates)
            ),
            test_scoring=TestScoring()
            if same
            else TestScoring(options.extractor, options.weights),
        )

    @contextlib.contextmanager
    def _locks(self) -> Iterator[None]:
        """Keep other confirmations off the study, and whatever would change or remove it."""
        folder = self.plan.study_folder
        with (
            lock_folder(folder, _SWEEP_RUNS, shared=True),
            lock_folder(folder / FOLDER, _CONFIRMATION_RUNS),
        ):
            yield

    def _check(self, ready: WorkerReady) -> Protocol:
        """Return the protocol of the test scores, having compared the search's with the study's.

        Raises:
            ProtocolMismatchError: If new scores would not compare with those of the search.
            StudyError: If the workers score nothing on the test split.
        """
        require_same_protocol([Protocol(**self.plan.record.protocol), ready.protocol])
        if ready.test_protocol is None:
            raise StudyError(f"{self.plan.study_folder}: no worker scores on the test split.")
        return ready.test_protocol

    def _read_outcomes(self) -> None:
        """Take in what ended before, and tell trackers what an interruption kept from them."""
        for each in self.plan.planned:
            each.folder.remove_leftovers()
            outcome = each.folder.read_outcome()
            if outcome is not None:
                self._outcomes[each.key] = outcome
                self._catch_up(each, outcome)
        self._listener.opened(len(self._outcomes))

    def _loop(self) -> None:
        dispatcher = self._dispatcher
        while True:
            if not dispatcher.signalled:
                dispatcher.assign(self)
            elif not dispatcher.is_busy or dispatcher.is_out_of_patience:
                dispatcher.unfinished = dispatcher.is_busy or bool(self._due())
                return
            if not dispatcher.is_busy and not self._due():
                return
            dispatcher.hear(self, dispatcher.wait())

    def _due(self) -> tuple[tuple[str, int], ...]:
        return self.plan.race(self._outcomes, self._protocol).due

    def _settle(self, running: RunningJob, outcome: Outcome) -> None:
        """Write down how a training ended: in its folder, to the trackers, in the result."""
        job = running.job
        each = self._handed_out[job.name]
        had_ended = each.key in self._outcomes
        running.ended = True
        job.folder.write_outcome(outcome)
        self._outcomes[each.key] = outcome
        running.tracker.emit(Finished(outcome))
        running.tracker.close()
        if had_ended:
            self._catch_up(each, outcome)
        self._listener.hear(job.name, job.config, Finished(outcome))
        self._write_result()

    def _write_result(self) -> None:
        self.result = sum_up(self.plan, self._outcomes, self._protocol)
        write_result(self.plan.study_folder, self.result)

    def _assign(self, each: Retraining) -> RunningJob:
        folder = each.folder
        if folder.read_config() not in (None, each.config):
            raise StudyError(
                f"{folder.path}: holds another configuration than trial {each.trial} with this "
                f"seed, so one of the two was changed. Restore it from a copy, or remove this "
                f"folder to train it anew."
            )
        folder.write_config(each.config)
        job = TrainingJob(
            config=each.config,
            folder=folder,
            rungs_kimg=self._space.budget.rungs_kimg,
            seed=derive_seed(self.plan.record.seed, "confirm"),
            name=each.name,
            checkpoint_seconds=self.options.checkpoint_seconds,
            deterministic=self._space.deterministic,
        )
        return RunningJob(job, self._open_tracker(each), None)

    def _open_tracker(self, each: Retraining) -> Tracker:
        # A training that only takes another exam has told its course: `catch_up` adds its end.
        name = "none" if each.key in self._outcomes else self.options.tracker
        return open_tracker(name, self._identity(each), self.options.tracker_options)

    def _catch_up(self, each: Retraining, outcome: Outcome) -> None:
        options = self.options
        catch_up(options.tracker, self._identity(each), outcome, options.tracker_options)

    def _identity(self, each: Retraining) -> TrialIdentity:
        record = self.plan.record
        return TrialIdentity(
            study=f"{record.name}-confirm",
            study_id=record.id,
            trial=each.name,
            folder=each.folder.path,
            config=each.config.model_dump(mode="json"),
            tags=(each.config.family, f"trial-{each.trial}"),
            wandb_root=self.plan.study_folder,
            job_type="confirm",
        )
