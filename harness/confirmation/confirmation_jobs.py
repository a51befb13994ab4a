"""The jobs of a confirmation: a study's leaders on new seeds, until their race has ended."""

import contextlib
import dataclasses
from collections.abc import Sequence

from harness.backends.backend import WorkerReady, WorkerSetup
from harness.confirmation.candidates import Retraining
from harness.confirmation.result import Confirmation, write_result
from harness.confirmation.summary import make_plan, sum_up
from harness.core.errors import StudyError
from harness.core.events import Answer, RungScored
from harness.core.locks import lock_folder
from harness.core.outcome import Outcome, State
from harness.core.score import Protocol, require_same_protocol
from harness.core.seeds import derive_seed
from harness.gan.user_code.user_functions import UserFunctions
from harness.metrics.extractor_folder import located_extractor
from harness.runner.job_source import RunningJob
from harness.runner.stop_rules import Stop
from harness.runner.sweep_options import RunOptions
from harness.space.space import SearchSpace
from harness.study.own_folders import CONFIRMATION
from harness.study.record import find_study, lock_study
from harness.tracking.catch_up import catch_up
from harness.tracking.identity import TrialIdentity
from harness.tracking.tracker import Tracker, open_tracker
from harness.training.job import TestScoring, TrainingJob

_CONFIRMATION_RUNS = (
    "another process is confirming this study. Wait for it, or stop it with Ctrl-C."
)


@dataclasses.dataclass(frozen=True)
class ConfirmOptions(RunOptions):
    """What to confirm and how; a larger `top` or `seeds` adds to what is there.

    Args:
        top: How many of the study's leaders to retrain.
        seeds: How many new seeds each gets at most.
        extractor: What the test scores see through; None for what the study's scores do.
    """

    top: int = 5
    seeds: int = 3
    extractor: str | None = None


class ConfirmationJobs:
    """The retrainings of one study's leaders, a `JobSource`; it has the study until `close`.

    Args:
        options: What to confirm and how.

    Attributes:
        plan: What is confirmed.
        result: What is known so far; None before the workers are ready.

    Raises:
        HarnessError: If there is no such study, a sweep or another confirmation is running it,
            none of its trials has completed, or an option is bad.
    """

    def __init__(self, options: ConfirmOptions) -> None:
        folder = find_study(options.studies_dir, options.name)
        with contextlib.ExitStack() as locks:
            # Keeps off whatever would change or remove the study, and other confirmations.
            locks.enter_context(lock_study(folder, shared=True))
            self.plan = make_plan(folder, top=options.top, seeds=options.seeds)
            locks.enter_context(lock_folder(folder / CONFIRMATION, _CONFIRMATION_RUNS))
            self._space = SearchSpace.of_study(folder)
            self._locks = locks.pop_all()
        self.options = options
        self.size = len(self.plan.planned)
        self.result: Confirmation | None = None
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._returned: list[RunningJob] = []
        self._handed_out: dict[str, Retraining] = {}

    @property
    def setup(self) -> WorkerSetup:
        """Return what every worker loads."""
        options, record, protocol = self.options, self.plan.record, self._space.protocol
        asked = located_extractor(options.extractor or record.extractor)
        same = asked == located_extractor(record.extractor)
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
            test_scoring=TestScoring() if same else TestScoring(asked, options.weights),
        )

    def open(self, ready: WorkerReady) -> int:
        """Take in what ended before, and pass on what an interruption kept from the trackers.

        Raises:
            ProtocolMismatchError: If new scores would not compare with those of the search.
            StudyError: If the workers score nothing on the test split.
        """
        require_same_protocol([Protocol(**self.plan.record.protocol), ready.protocol])
        if ready.test_protocol is None:
            raise StudyError(f"{self.plan.study_folder}: no worker scores on the test split.")
        self._protocol = ready.test_protocol
        for each in self.plan.planned:
            each.folder.remove_leftovers()
            outcome = each.folder.read_outcome()
            if outcome is not None:
                self._outcomes[each.key] = outcome
                self._catch_up(each, outcome)
        self._write_result()
        return len(self._outcomes)

    def close(self) -> None:
        """Close trackers of what was given back and not taken up, and release the study."""
        for running in self._returned:
            running.tracker.close()
        self._locks.close()

    def has_unfinished(self) -> bool:
        """Return whether the race needs another training."""
        return bool(self._due())

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is none to hand out now."""
        if self._returned:
            return self._returned.pop(0)
        due = set(self._due())
        for each in self.plan.planned:
            if each.key in due and each.name not in self._handed_out:
                self._handed_out[each.name] = each
                return self._running(each)
        return None

    def answer(self, running: RunningJob, event: RungScored) -> Answer:
        """Return that it goes on: a retraining goes to its last rung."""
        del running, event
        return Answer.GO_ON

    def release(self, running: RunningJob) -> None:
        """Do nothing: none is told to wait."""

    def overtaken(self) -> Sequence[tuple[RunningJob, Outcome]]:
        """Return nothing: none waits."""
        return ()

    def record(self, running: RunningJob, outcome: Outcome) -> Outcome:
        """Write how a training ended: in its folder, then in the result.

        Raises:
            StudyError: If it had ended well before, and only its test score failed.
        """
        folder, each = running.job.folder, self._handed_out[running.job.name]
        had_ended = each.key in self._outcomes
        if had_ended and outcome.state is not State.COMPLETE:
            raise StudyError(
                f"{folder.path}: its generator could not be scored on the test split "
                f"({outcome.detail}). Free memory or use fewer --workers, then give the same "
                f"command again."
            )
        folder.write_outcome(outcome)
        self._outcomes[each.key] = outcome
        self._write_result()
        if had_ended:
            self._catch_up(each, outcome)
        return outcome

    def stop(self) -> Stop | None:
        """Return None: nothing but a signal stops a confirmation."""
        return None

    def give_back(self, running: RunningJob) -> None:
        """Put a training whose worker died in the queue, with its tracker opened anew."""
        running.tracker.close()
        running.tracker = self._open_tracker(self._handed_out[running.job.name])
        self._returned.append(running)

    def _due(self) -> tuple[tuple[str, int], ...]:
        return self.plan.race(self._outcomes, self._protocol).due

    def _write_result(self) -> None:
        self.result = sum_up(self.plan, self._outcomes, self._protocol)
        write_result(self.plan.study_folder, self.result)

    def _running(self, each: Retraining) -> RunningJob:
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
        return RunningJob(job, self._open_tracker(each))

    def _open_tracker(self, each: Retraining) -> Tracker:
        # The history of one that is only scored again is complete: `catch_up` adds its new end.
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
