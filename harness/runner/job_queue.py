"""Queue the trainings of a study: interrupted trials first, then new ones, then baselines."""

import dataclasses

import optuna
from optuna.trial import TrialState

from harness.core.events import Progressed, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.score import Score
from harness.gan.config.config import GANConfig
from harness.gan.monitor import Cadence, MonitorConfig
from harness.gan.presets import PRESETS, load_preset
from harness.runner.open_study import Study
from harness.runner.sweep_options import SweepOptions
from harness.runner.tracking_identity import identify
from harness.space.space import SearchSpace
from harness.study.leaderboard import BASELINE_PREFIX
from harness.tracking.tracker import Tracker, open_tracker
from harness.training.job import TrainingJob

_FILM_FRAMES = 25
"""So many grids, from the same noise, show how a trial came to draw what it draws."""

_SLOWEST_SCORE_SECONDS = 1800.0
"""A baseline that is silent for so long hangs; large ones take minutes to draw 10,000 images."""


_MOST_DEATHS = 3
"""A training whose worker died by itself this often is the cause of it."""

_MOST_LOSSES = 10
"""So many workers that were taken away without a new checkpoint between are no accident."""


@dataclasses.dataclass
class RunningJob:
    """Follow one training from the runner's side, whichever worker runs it.

    Args:
        job: What the worker is given.
        tracker: Hears its events.
        trial: Its Optuna trial; None for a baseline.
        deaths: How many workers died over it by themselves.
        losses: How many were taken away in a row since it last went on from a later checkpoint.
        began_kimg: Where its present worker, or the last one, began.
        ended: Whether it has its outcome.
        deadline_seconds: When its worker must have said that it timed out; None for no limit.
        last: The last thing it said about its progress.
        best: Its best rung score so far.
    """

    job: TrainingJob
    tracker: Tracker
    trial: optuna.Trial | None
    deaths: int = 0
    losses: int = 0
    began_kimg: float = 0.0
    ended: bool = False
    deadline_seconds: float | None = None
    last: Progressed | RungScored | None = None
    best: Score | None = None

    @property
    def seconds(self) -> float:
        """Return how long it had trained when it was last heard of."""
        return self.last.duration_seconds if self.last else 0.0

    def note_start(self, kimg: float) -> None:
        """Take note where a worker begins; what was lost before a later checkpoint is forgiven."""
        if kimg > self.began_kimg:
            self.losses = 0
        self.began_kimg = kimg

    def note_death(self, *, lost: bool) -> None:
        """Take note that its worker died, or was taken away with its node."""
        self.losses += lost
        self.deaths += not lost

    @property
    def is_deadly(self) -> bool:
        """Return whether so many workers ended over it that it seems to be the cause."""
        return self.deaths >= _MOST_DEATHS or self.losses >= _MOST_LOSSES

    def outcome(self, reason: Reason, detail: str) -> Outcome:
        """Return the outcome of a training that could not tell it itself."""
        return Outcome(
            reason=reason,
            detail=detail,
            kimg=self.last.kimg if self.last else 0.0,
            duration_seconds=self.seconds,
            best=self.best,
        )


def _film(rungs_kimg: tuple[int, ...]) -> MonitorConfig:
    return MonitorConfig(sample_every=Cadence(max(1, rungs_kimg[-1] // _FILM_FRAMES), "kimg"))


class JobQueue:
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
        self._returned: list[RunningJob] = []
        self._handed_out: set[str] = set()

    def __bool__(self) -> bool:
        """Return whether any training has not ended."""
        index = self._study.index()
        is_short = index.count_ended < self._options.trials
        return bool(is_short or index.of(TrialState.RUNNING) or self._open_baselines())

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is nothing to hand out now."""
        if self._returned:
            return self._returned.pop(0)
        found = self._resume() or self._begin() or self._begin_baseline()
        if found is not None:
            self._handed_out.add(found.job.name)
        return found

    def give_back(self, running: RunningJob) -> None:
        """Put a training whose worker died first in the queue.

        What was said after its checkpoint will be said again: only a tracker that is opened anew
        takes that up without doubles.
        """
        running.tracker.close()
        running.tracker = self._open_tracker(running.job)
        self._returned.insert(0, running)

    def close(self) -> None:
        """Close what was opened for trainings that nobody took up again."""
        for running in self._returned:
            running.tracker.close()

    def _resume(self) -> RunningJob | None:
        """Return a trial that was interrupted."""
        for frozen in self._study.interrupted():
            if f"{frozen.number:04d}" not in self._handed_out:
                return self._trial(*self._study.reopen(frozen))
        return None

    def _begin(self) -> RunningJob | None:
        index = self._study.index()
        begun = len(index.of(TrialState.RUNNING)) + index.count_ended
        return self._trial(*self._study.ask()) if begun < self._options.trials else None

    def _begin_baseline(self) -> RunningJob | None:
        for preset in self._open_baselines():
            if f"{BASELINE_PREFIX}{preset}" not in self._handed_out:
                return self._baseline(preset)
        return None

    def _open_baselines(self) -> list[str]:
        if self._options.baseline_seconds is None:
            return []
        return [n for n in PRESETS if not self._study.baseline_folder(n).outcome_file.exists()]

    def _trial(self, trial: optuna.Trial, config: GANConfig) -> RunningJob:
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
            inspects=self._options.tracker_options.histograms,
            monitor=_film(budget.rungs_kimg),
        )
        running = RunningJob(job, self._open_tracker(job), trial)
        if job.timeout_seconds is not None:
            running.deadline_seconds = job.timeout_seconds + self._options.grace_seconds
        return running

    def _baseline(self, preset: str) -> RunningJob:
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
        deadline = self._options.baseline_seconds
        if deadline is not None:
            deadline += max(self._options.grace_seconds, _SLOWEST_SCORE_SECONDS)
        return RunningJob(job, self._open_tracker(job), None, deadline_seconds=deadline)

    def _open_tracker(self, job: TrainingJob) -> Tracker:
        identity = identify(
            self._study.record,
            self._space,
            name=job.name,
            folder=job.folder.path,
            config=job.config,
        )
        return open_tracker(self._options.tracker, identity, self._options.tracker_options)
