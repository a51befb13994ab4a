"""Translate how a trial goes and ends into what Optuna stores and its sampler learns from."""

import contextlib
import statistics
import warnings

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from harness.core.errors import StudyError
from harness.core.outcome import Outcome, Reason
from harness.study.trial_storage import TrialStorage

# Endings that say something about the configuration, and something bad. Optuna ranks pruned
# trials by how far they came, so without a constraint a late divergence would look promising.
VIOLATIONS = frozenset(
    {
        Reason.OVER_BUDGET,
        Reason.DIVERGED,
        Reason.COLLAPSED,
        Reason.DISCRIMINATOR_WON,
        Reason.TIMED_OUT,
        Reason.OUT_OF_MEMORY,
    }
)

_COST = "processor_seconds_per_kimg"

ENDED_AS = "ended_as"
"""How many trials had ended before one did: their order, whatever the clock showed."""


def violates(trial: FrozenTrial) -> bool:
    """Return whether a trial was found faulty, as `tell` told Optuna."""
    return any(value > 0 for value in trial.constraints.values())


def report(trial: Trial, kimg: int, value: float) -> None:
    """Store the best rung FID so far at a rung, once; a replay changes nothing.

    Args:
        trial: The running trial.
        kimg: The rung, in thousands of real images shown to the discriminator.
        value: The best rung FID so far; lower is better.
    """
    # Optuna keeps the first value too, but warns about the second.
    if kimg not in _stored(trial).intermediate_values:
        trial.report(value, step=kimg)


def median_exceeded(trial: Trial, cost: float, most: float) -> float | None:
    """Keep what a trial cost at its first rung; return the median of all if it is far beyond.

    Args:
        trial: The running trial.
        cost: Its processor time a kimg, in seconds; the first one that is told stays.
        most: How many times the median it may cost.
    """
    if _COST not in trial.user_attrs:
        trial.set_user_attr(_COST, cost)
    trials = trial.study.get_trials(deepcopy=False)
    costs = [float(each.user_attrs[_COST]) for each in trials if _COST in each.user_attrs]
    median = statistics.median(costs)
    return median if trial.user_attrs[_COST] > most * median else None


def should_stop(trial: Trial, kimg: int, value: float) -> bool:
    """Report a rung and return whether the study's pruner ends the trial there.

    A trial that comes back to a rung after an interruption gets the same answer: successive
    halving notes who was at a rung, and answers a second question about it with "go on". So the
    answer is kept, in one transaction with those notes.

    Args:
        trial: The running trial.
        kimg: The rung, in thousands of real images shown to the discriminator.
        value: The best rung FID so far; lower is better.
    """
    key = f"stop:{kimg}"
    with _transaction(trial):
        report(trial, kimg, value)
        if key not in trial.user_attrs:
            trial.set_user_attr(key, bool(trial.should_prune()))
    return bool(trial.user_attrs[key])


def tell(study: Study, trial: Trial, outcome: Outcome) -> None:
    """Close a trial in Optuna, once; a replay of the same ending changes nothing.

    `complete` becomes COMPLETE with the best rung FID as its value, `crashed` FAIL, which teaches
    the sampler nothing, and everything else PRUNED. What is in `VIOLATIONS` also violates a
    constraint of the reason's name: TPE ranks such trials behind all others. Trials without a
    constraint count as feasible, so the others need none.

    Args:
        study: The study.
        trial: One of its trials, running or, in a replay, already closed.
        outcome: How it ended.

    Raises:
        StudyError: If a complete trial has no score.
    """
    stored = _stored(trial)
    if stored.state.is_finished():
        return
    if outcome.reason is Reason.FINISHED and outcome.best is None:
        raise StudyError(
            f"Trial {trial.number} is complete without a score, so it has no value. "
            f"Delete its outcome.json and give the same command again: it goes on."
        )
    with _transaction(trial), warnings.catch_warnings():
        # Its rungs were reported as it passed them, unless the journal lost them. The kimg of a
        # score may lie a step beyond its rung, so it is the second choice.
        if outcome.best is not None and not stored.intermediate_values:
            report(trial, round(outcome.best.kimg), outcome.best.value)
        ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        trial.set_user_attr(ENDED_AS, len(study.get_trials(deepcopy=False, states=ended)))
        for key, value in outcome.to_dict().items():
            if value is not None:
                trial.set_user_attr(key, value)
        if outcome.reason in VIOLATIONS and outcome.reason.value not in stored.constraints:
            trial.set_constraint(outcome.reason.value, 1.0)
        # GP learns from values alone; the trial is PRUNED for it all the same.
        warnings.filterwarnings("ignore", message="Constraints have been set, but")
        if outcome.reason is Reason.FINISHED and outcome.best is not None:
            study.tell(trial, outcome.best.value, state=TrialState.COMPLETE)
        else:
            study.tell(trial, state=end_state(outcome.reason))


def end_state(reason: Reason) -> TrialState:
    """Return the state in which Optuna keeps trials that ended for a reason."""
    if reason is Reason.FINISHED:
        return TrialState.COMPLETE
    return TrialState.FAIL if reason is Reason.CRASHED else TrialState.PRUNED


def _stored(trial: Trial) -> FrozenTrial:
    return trial.study.get_trials(deepcopy=False)[trial.number]


def _transaction(trial: Trial) -> contextlib.AbstractContextManager[None]:
    """Return the transaction of a trial's storage; those of Optuna's own have none."""
    storage = trial.storage
    return storage.transaction() if isinstance(storage, TrialStorage) else contextlib.nullcontext()
