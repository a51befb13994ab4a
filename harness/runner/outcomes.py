"""Take note of how trainings end, in the order of truth, and of what follows from it.

Whatever ends a trial is written to the trial's `outcome.json` first, then told to Optuna, then to
the trackers; an interruption between these is mended by replay when the study is opened again.
"""

import dataclasses
import typing

from harness.core.events import Event, Finished
from harness.core.outcome import Outcome, Reason
from harness.gan.config.config import GANConfig
from harness.runner.job_queue import RunningJob
from harness.runner.open_study import Study
from harness.runner.retries import enqueue_retry
from harness.runner.stop_rules import Stop, StopRules
from harness.runner.sweep_options import SweepOptions
from harness.runner.tracking_identity import identify
from harness.study import optuna_trials
from harness.study.leaderboard import Entry, read_entries
from harness.study.retention import Retention
from harness.tracking.catch_up import catch_up


class Listener(typing.Protocol):
    """Follow a sweep from outside, e.g. to display it."""

    def opened(self, ended: int) -> None:
        """Learn that the study is open and how many of its trials have ended already."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Learn of an event of the training of that name."""


class NullListener:
    """Listen to a sweep and say nothing."""

    def opened(self, ended: int) -> None:
        """Ignore how many trials have ended."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Ignore the event."""


class OutcomeRecorder:
    """Tell everyone of a study's endings: those before this sweep, and its own.

    Args:
        study: The open study.
        options: What it is allowed, how it is tracked and what it keeps.
        listener: Hears every end.
    """

    def __init__(self, study: Study, options: SweepOptions, listener: Listener) -> None:
        self._study = study
        self._options = options
        self._listener = listener
        entries = read_entries(study.folder)
        self._catch_up(entries)
        self._rules = StopRules(options, entries)
        self._retention = Retention(options.keep, study.folder)

    def stop(self) -> Stop | None:
        """Return why the study is to stop now, or None to go on."""
        return self._rules.stop()

    def end(self, running: RunningJob, outcome: Outcome) -> None:
        """Write a training's outcome and tell everyone of it."""
        running.ended = True
        running.job.folder.write_outcome(outcome)
        self.settle(running, outcome)

    def settle(self, running: RunningJob, outcome: Outcome) -> None:
        """Tell everyone after the folder of an outcome."""
        job = running.job
        if running.trial is not None:
            outcome = self._supersede(running, outcome)
            with self._study.storage_faults():
                optuna_trials.tell(self._study.optuna, running.trial, outcome)
            self._rules.note(job.name, job.config, outcome)
            self._retention.note(job.name, job.folder, outcome)
        running.tracker.emit(Finished(outcome))
        running.tracker.close()
        self._listener.hear(job.name, job.config, Finished(outcome))

    def _catch_up(self, entries: list[Entry]) -> None:
        """Tell the trackers what an interruption kept from them."""
        for entry in entries:
            identity = identify(
                self._study.record,
                self._study.space,
                name=entry.name,
                folder=entry.folder.path,
                config=entry.config,
            )
            options = self._options
            catch_up(options.tracker, identity, entry.outcome, options.tracker_options)

    def _supersede(self, running: RunningJob, outcome: Outcome) -> Outcome:
        """Queue another trial for one that ran out of memory; it counts in its place."""
        if outcome.reason is not Reason.OUT_OF_MEMORY or running.trial is None:
            return outcome
        if outcome.superseded_by is None:
            number = enqueue_retry(self._study, running.trial, running.job.config)
            if number is None:
                return outcome
            outcome = dataclasses.replace(outcome, superseded_by=f"{number:04d}")
            running.job.folder.write_outcome(outcome)
        return outcome
