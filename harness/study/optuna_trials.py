"""Translate how a trial goes and ends into what Optuna stores and its sampler learns from."""

import warnings

from optuna.trial import FrozenTrial, Trial, TrialState

from harness.core.errors import StudyError
from harness.core.outcome import Outcome, Reason
from harness.study.storage import transaction

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


def stored(trial: Trial) -> FrozenTrial:
    """Return what Optuna holds of a trial at this moment."""
    return trial.study.get_trials(deepcopy=False)[trial.number]


def report(trial: Trial, kimg: int, value: float) -> bool:
    """Store the best rung FID so far at a rung; return whether the pruner ends the trial there.

    Both are stored in one transaction, with whatever the pruner notes for itself: successive
    halving answers a second question about the same rung with "go on", and an interrupted trial
    asks again when it comes back to the rung. A replay changes nothing.

    Args:
        trial: The running trial.
        kimg: The rung, in thousands of real images shown to the discriminator.
        value: The best rung FID so far; lower is better.
    """
    key = f"prune:{kimg}"
    with transaction(trial):
        # Optuna keeps the first value too, but warns about the second.
        if kimg not in stored(trial).intermediate_values:
            trial.report(value, step=kimg)
        kept = trial.user_attrs.get(key)
        if kept is None:
            kept = trial.should_prune()
            trial.set_user_attr(key, kept)
    return bool(kept)


def tell(trial: Trial, outcome: Outcome) -> None:
    """Close a trial in Optuna, once; a replay of the same ending changes nothing.

    `complete` becomes COMPLETE with the best rung FID as its value, `crashed` FAIL, which teaches
    the sampler nothing, and everything else PRUNED. What is in `VIOLATIONS` also violates a
    constraint of the reason's name: TPE ranks such trials behind all others. Trials without a
    constraint count as feasible, so the others need none.

    Args:
        trial: One of its trials, running or, in a replay, already closed.
        outcome: How it ended.

    Raises:
        StudyError: If a complete trial has no score.
    """
    known = stored(trial)
    if known.state.is_finished():
        return
    if outcome.reason is Reason.FINISHED and outcome.best is None:
        raise StudyError(
            f"Trial {trial.number} is complete without a score, so it has no value. "
            f"Delete its outcome.json and give the same command again: it goes on."
        )
    # Its rungs were reported as it passed them, unless the journal lost them. The kimg of a
    # score may lie a step beyond its rung, so it is the second choice.
    with transaction(trial), warnings.catch_warnings():
        if outcome.best is not None and not known.intermediate_values:
            trial.report(outcome.best.value, step=round(outcome.best.kimg))
        for key, value in outcome.to_dict().items():
            if value is not None:
                trial.set_user_attr(key, value)
        if outcome.reason in VIOLATIONS and outcome.reason.value not in known.constraints:
            trial.set_constraint(outcome.reason.value, 1.0)
        # CMA-ES and GP learn from values alone; the trial is PRUNED for them all the same.
        warnings.filterwarnings("ignore", message="Constraints have been set, but CmaEsSampler")
        if outcome.reason is Reason.FINISHED and outcome.best is not None:
            trial.study.tell(trial, outcome.best.value, state=TrialState.COMPLETE)
        else:
            trial.study.tell(trial, state=end_state(outcome.reason))


def end_state(reason: Reason) -> TrialState:
    """Return the state in which Optuna keeps trials that ended for a reason."""
    if reason is Reason.FINISHED:
        return TrialState.COMPLETE
    return TrialState.FAIL if reason is Reason.CRASHED else TrialState.PRUNED
