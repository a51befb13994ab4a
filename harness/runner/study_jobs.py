"""The jobs of a sweep: interrupted trials, promoted and new ones, baselines, the finish."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from harness.backends.backend import WorkerReady, WorkerSetup
from harness.core.events import Answer, Finished, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.process import keeping_all
from harness.gan.config.config import GANConfig
from harness.gan.monitor import Cadence, MonitorConfig
from harness.gan.presets import PRESETS, load_preset
from harness.runner.finish import Finish
from harness.runner.job_source import RunningJob
from harness.runner.open_study import Study
from harness.runner.stop_rules import Stop, StopRules
from harness.runner.sweep_options import SweepOptions
from harness.runner.time_plan import TimePlan
from harness.runner.untold_ends import identify, tell_untold_ends
from harness.space.enqueue import load_enqueued
from harness.space.settings import FinishSettings
from harness.space.space import SearchSpace
from harness.study import optuna_trials
from harness.study.data_place import on_known_images
from harness.study.leaderboard import Entry, read_entries
from harness.study.own_folders import BASELINE_PREFIX, finish_name, refuse_foreign
from harness.study.record import check_study_name, read_own_study
from harness.study.retention import Retention
from harness.study.trial_storage import refuse_database
from harness.tracking.identity import TrialIdentity
from harness.tracking.tracker import Tracker, open_tracker
from harness.training.job import TrainingJob

_FILM_FRAMES = 25
"""So many grids, from the same noise, show how a trial came to draw what it draws."""

_SLOWEST_SCORE_SECONDS = 1800.0
"""A baseline that is silent for so long hangs; large ones take minutes to draw 10,000 images."""


class StudyJobs:
    """The trials and baselines of one study, a `JobSource`.

    Args:
        space: What is searched.
        options: How many trials, which baselines, and how they are run.

    Raises:
        HarnessError: If an option is bad, or the folder holds a study that cannot be read.
            Nothing has been written then, and no cluster asked.
    """

    def __init__(self, space: SearchSpace, options: SweepOptions) -> None:
        check_study_name(options.name)
        space = space.located()
        if options.folder.is_dir():
            refuse_foreign(options.folder)
        if (options.folder / "study.json").exists():
            read_own_study(options.folder)
            refuse_database(options.folder)
            space = on_known_images(options.folder, space, options.data_dir)
        self._enqueued = (
            load_enqueued(options.enqueue, space.parameters) if options.enqueue else []
        )
        self.space = space
        self.options = options
        self.size = options.trials
        budget = options.time_budget_seconds
        self.plan = TimePlan(budget) if budget is not None else None
        self._explored: int | None = None
        settings = space.finish or (FinishSettings() if options.finish or self.plan else None)
        if self.plan and settings and space.finish is None:
            settings = settings.model_copy(update={"leaders": options.workers or 2})
        self.finish_leaders = settings.leaders if settings else 0
        last = space.budget.rungs_kimg[-1]
        self._finish_kimg = float(settings.kimg or last) if settings else 0.0
        self._finish = Finish(settings, options.folder)
        every = max(1, space.budget.rungs_kimg[-1] // _FILM_FRAMES)
        self._film = MonitorConfig(sample_every=Cadence(every, "kimg"))
        self._closing = contextlib.ExitStack()
        self._returned: list[RunningJob] = []
        self._handed_out: set[int] = set()
        self._baselines_begun: set[str] = set()
        self._looks_for_overtaken = True

    def enqueue(self, params: Iterable[dict[str, Any]]) -> None:
        """Try these Optuna parameters first, before the study is opened."""
        self._enqueued.extend(params)

    @property
    def setup(self) -> WorkerSetup:
        """Return what every worker loads."""
        space, options = self.space, self.options
        return WorkerSetup(
            dataset=space.dataset,
            data_dir=options.data_dir,
            extractor=space.protocol.extractor,
            weights=options.weights,
            metric=space.protocol.metric,
            num_images=space.protocol.num_images,
            threads=options.threads,
            deterministic=space.deterministic,
            functions=space.user_functions(),
        )

    @keeping_all()
    def open(self, ready: WorkerReady) -> int:
        """Open the study and pass on what an interruption kept from Optuna and the trackers."""
        space, options = self.space, self.options
        space.check_labels(labelled=ready.protocol.labels != "none")
        self._study = Study(
            options.studies_dir,
            options.name,
            space=space,
            seed=options.seed,
            protocol=ready.protocol,
            class_names=ready.class_names,
        )
        self._closing.callback(self._study.close)
        for params in (*self._enqueued, *space.start_params):
            self._study.optuna.enqueue_trial(params, skip_if_exists=True)
        entries = read_entries(options.folder)
        ended = [entry for entry in entries if entry.outcome.is_ended]
        self._rules = StopRules(options, ended, began=self.plan.began if self.plan else None)
        self._retention = Retention(options.keep, ended, leaders=self.finish_leaders)
        passed_on = set(self._pass_on_unknown())
        others = [entry for entry in ended if entry.name not in passed_on]
        tell_untold_ends(others, record=self._study.record, space=space, options=options)
        return self._study.count_ended()

    def close(self) -> None:
        """Close trackers of what was given back and not taken up, and the study."""
        for running in self._returned:
            running.tracker.close()
        self._closing.close()

    def has_unfinished(self) -> bool:
        """Return whether any training has not ended."""
        if not self._has_its_trials() or self._open_baselines():
            return True
        if self.plan is not None and self.plan.finish_seconds is None:
            return self.plan.is_over and self._study.count_ended() < self.options.trials
        return bool(self._finish.open_leaders())

    def _has_its_trials(self) -> bool:
        """Return whether all trials have ended, or may not train any more."""
        if self.plan is not None and not self.plan.tries:
            return not self._handed_out
        study = self._study
        return study.count_ended() >= self._total() and not study.interrupted()

    def _total(self) -> int:
        """Return how many trials the study shall have: those it has once its exploration ends."""
        if self.plan is None or self.plan.explores:
            return self.options.trials
        if self._explored is None:
            self._explored = min(self.options.trials, self._study.count_begun())
            self._looks_for_overtaken = True
        return self._explored

    def next(self) -> RunningJob | None:
        """Return the next training; None if there is none to hand out now."""
        if self._returned:
            return self._returned.pop(0)
        asked = None
        if self.plan is None or self.plan.tries:
            asked = self._study.next_trial(self._total(), self._handed_out)
        if asked is None:
            return self._next_baseline() or self._next_finish()
        self._handed_out.add(asked[0].number)
        return self._trial(*asked)

    def answer(self, running: RunningJob, event: RungScored) -> Answer:
        """Report a rung to Optuna and return whether the trial goes on, ends there, or waits."""
        if running.trial is None:
            return Answer.GO_ON
        if optuna_trials.should_stop(running.trial, round(event.kimg), event.best.value):
            return Answer.STOP
        if event.rung == 0 and self._is_too_costly(running, running.trial, event):
            return Answer.TOO_COSTLY
        if not self._study.pauses(running.trial, self._handed_out):
            return Answer.GO_ON
        hopeless = (frozen.number for frozen, _ in self._study.hopeless(self._total()))
        return Answer.STOP if running.trial.number in hopeless else Answer.PAUSE

    def _is_too_costly(self, running: RunningJob, trial: optuna.Trial, event: RungScored) -> bool:
        most, cost = self.space.budget.max_relative_cost, event.processor_seconds_per_kimg
        if most is None or cost is None:
            return False
        median = optuna_trials.median_exceeded(trial, cost, most)
        if median is not None:
            running.verdict = (
                f"{cost:.3f} s of processor time a kimg at {event.kimg:g} kimg; the limit is "
                f"{most:g} times the study's median of {median:.3f}"
            )
        return median is not None

    def release(self, running: RunningJob) -> None:
        """Let a paused trial be promoted from now on, or a finish go on from it."""
        if running.trial is not None:
            self._handed_out.discard(running.trial.number)
            self._looks_for_overtaken = True

    def overtaken(self) -> Sequence[tuple[RunningJob, Outcome]]:
        """Return the paused trials that can no longer be promoted, outranked."""
        if not self._looks_for_overtaken or (self.plan is not None and not self.plan.tries):
            return ()  # what still waits when the time for trials is over goes on another time
        self._looks_for_overtaken = False
        return [
            found
            for frozen, place in self._study.hopeless(self._total())
            if (found := self._outrank(frozen, place)) is not None
        ]

    def _outrank(self, frozen: FrozenTrial, place: str) -> tuple[RunningJob, Outcome] | None:
        """Return a paused trial with its end; None while a worker still saves it."""
        if frozen.number in self._handed_out:
            return None
        kimg = frozen.last_step or 0
        running = self._trial(*self._study.reopen(frozen))
        standing = running.job.folder.read_standing() or Outcome(Reason.UNFINISHED, kimg=kimg)
        score = f"{standing.best.protocol.name} {standing.best.value:.3f}" if standing.best else ""
        detail = f"{score} at {kimg} kimg, {place}".strip()
        outcome = dataclasses.replace(standing, reason=Reason.OUTRANKED, detail=detail)
        return running, outcome

    def record(self, running: RunningJob, outcome: Outcome) -> Outcome:
        """Write how a training ended: in its folder, then in Optuna.

        The trackers get it last; an interruption between these is mended by replay when the study
        is opened again.

        Returns:
            The outcome as the folder has it then: it names the trial that supersedes it.
        """
        if outcome.reason is Reason.OVER_BUDGET and running.verdict:
            outcome = dataclasses.replace(outcome, detail=running.verdict)
        running.job.folder.write_outcome(outcome)
        return self._pass_on(running, outcome)

    def stop(self) -> Stop | None:
        """Return why the study is to stop now, or None to go on."""
        return self._rules.stop()

    def give_back(self, running: RunningJob) -> None:
        """Put a training whose worker died first in the queue, with its tracker opened anew."""
        running.tracker.close()
        running.tracker = self._open_tracker(running.job)
        self._returned.insert(0, running)

    def _pass_on_unknown(self) -> Iterator[str]:
        """Pass on the outcomes that only the folders of trials know; return the trials' names."""
        for frozen in self._study.interrupted():
            outcome = self._study.trial_folder(frozen.number).read_outcome()
            if outcome is not None:
                running = self._trial(*self._study.reopen(frozen))
                running.tracker.emit(Finished(self._pass_on(running, outcome)))
                running.tracker.close()
                yield running.job.name

    def _pass_on(self, running: RunningJob, outcome: Outcome) -> Outcome:
        """Pass on an outcome that the training's folder has; baselines have no consequences."""
        if running.trial is None:
            return outcome
        job = running.job
        self._handed_out.discard(running.trial.number)
        self._looks_for_overtaken = True
        if outcome.reason is Reason.OUT_OF_MEMORY and outcome.superseded_by is None:
            number = self._study.enqueue_retry(running.trial, job.config)
            if number is not None:
                outcome = dataclasses.replace(outcome, superseded_by=f"{number:04d}")
                job.folder.write_outcome(outcome)
        optuna_trials.tell(self._study.optuna, running.trial, outcome)
        entry = Entry(job.name, job.folder, job.config, outcome)
        self._rules.note(entry)
        self._retention.note(entry)
        return outcome

    def _next_baseline(self) -> RunningJob | None:
        for preset in self._open_baselines():
            if preset not in self._baselines_begun:
                self._baselines_begun.add(preset)
                return self._baseline(preset)
        return None

    def _next_finish(self) -> RunningJob | None:
        leader = self._finish.next_leader() if self._has_its_trials() else None
        if leader is None:
            return None
        kimg, seconds = self._finish_kimg, self.plan.finish_seconds if self.plan else None
        folder, options = self._finish.folder_of(leader), self.options
        if self.plan is not None:
            if seconds is None:
                return None
            # At the speed it had, scores included.
            kimg = seconds * leader.outcome.kimg / max(leader.outcome.duration_seconds, 1e-9)
        config, rungs = self._finish.prepare(leader, kimg=kimg, is_timed=seconds is not None)
        if seconds is not None:
            standing = folder.read_standing()
            seconds += standing.duration_seconds if standing else 0.0
        job = TrainingJob(
            config=config,
            folder=folder,
            rungs_kimg=rungs,
            first_images=self.space.protocol.first_images,
            seed=self._study.record.seed,
            name=finish_name(leader.name),
            stop_after_seconds=seconds,
            checkpoint_seconds=options.checkpoint_seconds,
            deterministic=self.space.deterministic,
            inspects=options.tracker_options.histograms,
            monitor=self._film,
        )
        return RunningJob(job, self._open_tracker(job))

    def _open_baselines(self) -> list[str]:
        if self.options.baseline_seconds is None:
            return []
        return [n for n in PRESETS if not self._study.baseline_folder(n).outcome_file.exists()]

    def _trial(self, trial: optuna.Trial, config: GANConfig) -> RunningJob:
        budget, options = self.space.budget, self.options
        job = TrainingJob(
            config=config,
            folder=self._study.trial_folder(trial.number),
            rungs_kimg=budget.rungs_kimg,
            first_images=self.space.protocol.first_images,
            seed=self._study.record.seed,
            name=f"{trial.number:04d}",
            timeout_seconds=options.trial_timeout_seconds,
            checkpoint_seconds=options.checkpoint_seconds,
            deterministic=self.space.deterministic,
            inspects=options.tracker_options.histograms,
            monitor=self._film,
        )
        limit = options.trial_timeout_seconds
        deadline = None if limit is None else limit + options.grace_seconds
        pauses_at = self.plan.trials_end if self.plan else None
        tracker = self._open_tracker(job)
        return RunningJob(job, tracker, trial, deadline, pauses_at=pauses_at)

    def _baseline(self, preset: str) -> RunningJob:
        folder, options = self._study.baseline_folder(preset), self.options
        config = folder.read_config() or load_preset(preset)
        folder.write_config(config)
        job = TrainingJob(
            config=config,
            folder=folder,
            rungs_kimg=self.space.budget.rungs_kimg,
            seed=self._study.record.seed,
            name=f"{BASELINE_PREFIX}{preset}",
            stop_after_seconds=options.baseline_seconds,
            checkpoint_seconds=options.checkpoint_seconds,
            deterministic=self.space.deterministic,
        )
        deadline = options.baseline_seconds
        if deadline is not None:
            deadline += max(options.grace_seconds, _SLOWEST_SCORE_SECONDS)
        return RunningJob(job, self._open_tracker(job), None, deadline)

    def _open_tracker(self, job: TrainingJob) -> Tracker:
        identity = self._identity(job.name, job.folder.path, job.config)
        return open_tracker(self.options.tracker, identity, self.options.tracker_options)

    def _identity(self, name: str, folder: Path, config: GANConfig) -> TrialIdentity:
        return identify(self._study.record, self.space, name=name, folder=folder, config=config)
