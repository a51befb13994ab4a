"""Queue the trainings of a study: interrupted trials first, then new ones, then baselines."""

import dataclasses

import optuna

from harness.events import Progressed, RungScored
from harness.gan.config import GANConfig
from harness.gan.presets import PRESETS, load_preset
from harness.outcome import Outcome, Reason
from harness.score import Score
from harness.search.identity import identify
from harness.search.leaderboard import BASELINE_PREFIX
from harness.search.options import SweepOptions
from harness.search.space import SearchSpace
from harness.search.study import Study
from harness.tracking.tracker import Tracker, open_tracker
from harness.training.job import TrainingJob


@dataclasses.dataclass
class Assignment:
    """Follow one training from the brain's side, whichever worker runs it.

    Args:
        job: What the worker is given.
        tracker: Hears its events.
        trial: Its Optuna trial; None for a baseline.
        deaths: How many workers died over it.
        ended: Whether it has its outcome.
        deadline_seconds: When its worker must have said that it timed out; None for no limit.
        last: The last thing it said about its progress.
        best: Its best rung score so far.
    """

    job: TrainingJob
    tracker: Tracker
    trial: optuna.Trial | None
    deaths: int = 0
    ended: bool = False
    deadline_seconds: float | None = None
    last: Progressed | RungScored | None = None
    best: Score | None = None

    @property
    def seconds(self) -> float:
        """Return how long it had trained when it was last heard of."""
        return self.last.duration_seconds if self.last else 0.0

    def outcome(self, reason: Reason, detail: str) -> Outcome:
        """Return the outcome of a training that could not tell it itself."""
        return Outcome(
            reason=reason,
            detail=detail,
            kimg=self.last.kimg if self.last else 0.0,
            duration_seconds=self.seconds,
            best=self.best,
        )


class Assignments:
    """Hand out the trainings of a study, one at a time, each with its tracker opened.

    Args:
        study: The open study.
        space: What is searched.
        options: How many trials, and which baselines.
    """

    def __init__(self, study: Study, space: SearchSpace, options: SweepOptions) -> None:
        self._study = study
        self._space = space
        self._options = options
        self._returned: list[Assignment] = []
        self._interrupted = study.interrupted()
        self._begun = study.count_ended() + len(self._interrupted)
        self._baselines: list[str] = []
        if options.baseline_seconds is not None:
            unfinished = (n for n in PRESETS if not study.baseline_folder(n).outcome_file.exists())
            self._baselines = list(unfinished)

    def __bool__(self) -> bool:
        """Return whether anything is left to hand out."""
        left = self._returned or self._interrupted or self._baselines
        return bool(left) or self._begun < self._options.trials

    def next(self) -> Assignment:
        """Return the next training; only while there is one."""
        if self._returned:
            return self._returned.pop(0)
        if self._interrupted:
            return self._trial(*self._study.reopen(self._interrupted.pop(0)))
        if self._begun < self._options.trials:
            self._begun += 1
            return self._trial(*self._study.ask())
        return self._baseline(self._baselines.pop(0))

    def supersede(self) -> None:
        """Take note that a trial no longer counts: another one, queued already, is to end."""
        self._begun -= 1

    def give_back(self, assignment: Assignment) -> None:
        """Put a training whose worker died first in the queue.

        What was said after its checkpoint will be said again: only a tracker that is opened anew
        takes that up without doubles.
        """
        assignment.tracker.close()
        assignment.tracker = self._open_tracker(assignment.job)
        self._returned.insert(0, assignment)

    def close(self) -> None:
        """Close what was opened for trainings that nobody took up again."""
        for assignment in self._returned:
            assignment.tracker.close()

    def _trial(self, trial: optuna.Trial, config: GANConfig) -> Assignment:
        budget = self._space.budget
        job = TrainingJob(
            config=config,
            folder=self._study.trial_folder(trial.number),
            rungs_kimg=budget.rungs_kimg,
            seed=self._study.record.seed,
            name=f"{trial.number:04d}",
            max_seconds_per_kimg=budget.max_seconds_per_kimg,
            timeout_seconds=self._options.trial_timeout_seconds,
            checkpoint_seconds=self._options.checkpoint_seconds,
            deterministic=self._space.deterministic,
        )
        assignment = Assignment(job, self._open_tracker(job), trial)
        if job.timeout_seconds is not None:
            assignment.deadline_seconds = job.timeout_seconds + self._options.grace_seconds
        return assignment

    def _baseline(self, preset: str) -> Assignment:
        folder = self._study.baseline_folder(preset)
        config = folder.read_config() or load_preset(preset)
        folder.write_config(config)
        job = TrainingJob(
            config=config,
            folder=folder,
            rungs_kimg=self._space.budget.rungs_kimg,
            seed=self._study.record.seed,
            name=f"{BASELINE_PREFIX}{preset}",
            stop_after_seconds=self._options.baseline_seconds,
            checkpoint_seconds=self._options.checkpoint_seconds,
            deterministic=self._space.deterministic,
        )
        return Assignment(job, self._open_tracker(job), None)

    def _open_tracker(self, job: TrainingJob) -> Tracker:
        identity = identify(
            self._study.record,
            self._space,
            name=job.name,
            folder=job.folder.path,
            config=job.config,
        )
        return open_tracker(self._options.tracker, identity, self._options.tracker_options)
