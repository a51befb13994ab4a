"""Pass on how trainings end, in the order of truth, and what follows from it.

What ends a trial is written to the trial's `outcome.json` first, then to Optuna, then to the
trackers; an interruption between these is mended by replay when the study is opened again.
"""

import dataclasses

import optuna

from harness.core.outcome import Outcome, Reason
from harness.gan.config.config import GANConfig
from harness.runner.job_source import RunningJob
from harness.runner.open_study import Study
from harness.runner.stop_rules import StopRules
from harness.runner.sweep_options import SweepOptions
from harness.study import optuna_trials
from harness.study.leaderboard import Entry
from harness.study.repair import describe_retry
from harness.study.retention import Retention
from harness.study.trial_storage import RETRY_OF

_SMALLEST_BATCH = 2


class OutcomeRecorder:
    """The consequences of a study's outcomes: for Optuna, for its stop and for its disk.

    Args:
        study: The open study.
        options: What it is allowed and what it keeps.
        entries: What ended before.

    Attributes:
        rules: When the study stops.
    """

    def __init__(self, study: Study, options: SweepOptions, entries: list[Entry]) -> None:
        self._study = study
        self.rules = StopRules(options, entries)
        self._retention = Retention(options.keep, study.folder)

    def pass_on(self, running: RunningJob, outcome: Outcome) -> Outcome:
        """Pass on an outcome that the training's folder has; baselines have no consequences.

        Returns:
            The outcome as the folder has it then: it names the trial that supersedes it.
        """
        if running.trial is None:
            return outcome
        job = running.job
        if outcome.reason is Reason.OUT_OF_MEMORY and outcome.superseded_by is None:
            number = enqueue_retry(self._study, running.trial, job.config)
            if number is not None:
                outcome = dataclasses.replace(outcome, superseded_by=f"{number:04d}")
                job.folder.write_outcome(outcome)
        optuna_trials.tell(self._study.optuna, running.trial, outcome)
        self.rules.note(Entry(job.name, job.folder, job.config, outcome))
        self._retention.note(job.name, job.folder, outcome)
        return outcome


def enqueue_retry(study: Study, trial: optuna.Trial, config: GANConfig) -> int | None:
    """Queue the trial that supersedes one, once; a replay finds it there.

    Args:
        study: The study.
        trial: The trial that ran out of memory.
        config: What it trained.

    Returns:
        The number of the new trial; None if there is nothing to try: the trial was a retry
        itself, or its batch cannot be halved.
    """
    half = config.batch_size // 2
    if RETRY_OF in trial.user_attrs or half < _SMALLEST_BATCH:
        return None
    number = _find(study.optuna, trial.number)
    if number is None:
        params, attributes = describe_retry(study.space, trial.number, config, half)
        study.optuna.enqueue_trial(params, user_attrs=attributes)
        number = _find(study.optuna, trial.number)
    return number


def _find(study: optuna.Study, retried: int) -> int | None:
    trials = study.get_trials(deepcopy=False)
    numbers = (trial.number for trial in trials if trial.user_attrs.get(RETRY_OF) == retried)
    return next(numbers, None)
