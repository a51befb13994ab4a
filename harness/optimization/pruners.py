"""Build Optuna's pruners, held to the rules of rungs."""

import itertools
from collections.abc import Callable
from typing import Any

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.study import Study
from optuna.trial import FrozenTrial

from harness.space.settings import (
    HyperbandSettings,
    MedianSettings,
    PatientSettings,
    PrunerSettings,
    SuccessiveHalvingSettings,
    reduction_factor,
)

Rungs = tuple[int, ...]


def pruner_for(settings: PrunerSettings, rungs_kimg: Rungs) -> BasePruner:
    """Build the pruner that a search space asks for.

    It expects reports at the rungs, in whole kimg, of the best rung FID so far. It never stops a
    trial at the last rung, where the trial is complete.

    Args:
        settings: What stands under `pruner`.
        rungs_kimg: The study's rungs.
    """
    min_trials = settings.min_trials if isinstance(settings, SuccessiveHalvingSettings) else 1
    inner = PRUNERS[settings.name](settings, rungs_kimg)
    return RungPruner(inner, last_rung_kimg=rungs_kimg[-1], min_trials=min_trials)


class RungPruner(BasePruner):
    """A pruner held to the rules of rungs.

    Optuna's successive halving lets one trial judge the next; here a rung judges only once enough
    trials have reached it. The inner pruner is asked all the same, because it keeps the score of
    every trial it has seen at a rung. For that reason a second question about a rung may get
    another answer: see `optuna_trials.should_stop`.

    Hyperband is wrapped too: Optuna would otherwise show TPE the trials of one bracket only.

    Args:
        inner: The pruner.
        last_rung_kimg: Where a trial is complete, so that nothing is left to stop.
        min_trials: How many trials must have reached a rung before it judges.
    """

    def __init__(self, inner: BasePruner, *, last_rung_kimg: int, min_trials: int = 1) -> None:
        self._inner = inner
        self._last_rung_kimg = last_rung_kimg
        self._min_trials = min_trials

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return whether a trial should stop at the rung it has reached."""
        step = trial.last_step
        if step is None:
            return False
        wanted = self._inner.prune(study, trial)
        return wanted and step < self._last_rung_kimg and self._is_quorate(study, trial, step)

    def _is_quorate(self, study: Study, trial: FrozenTrial, step: int) -> bool:
        others = (
            other
            for other in study.get_trials(deepcopy=False)
            if step in other.intermediate_values and other.number != trial.number
        )
        needed = self._min_trials - 1  # thousands may have been there
        return sum(1 for _ in itertools.islice(others, needed)) == needed


class PatiencePruner(BasePruner):
    """A pruner of trials that have stopped improving, if the wrapped pruner agrees.

    Optuna's PatientPruner asks whether late scores are worse than early ones. What is reported
    here is the best score so far, which never gets worse, so it would never stop anything.

    Args:
        wrapped: Must agree; None stops without asking.
        patience: Rungs without improvement that are forgiven.
        min_delta: Improvements of at most this much do not count.
    """

    def __init__(self, wrapped: BasePruner | None, *, patience: int, min_delta: float) -> None:
        self._wrapped = wrapped
        self._patience = patience
        self._min_delta = min_delta

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return whether a trial should stop at the rung it has reached."""
        # Always asked, because successive halving remembers only the rungs it was asked about.
        agreed = self._wrapped is None or self._wrapped.prune(study, trial)
        values = [trial.intermediate_values[step] for step in sorted(trial.intermediate_values)]
        if len(values) < self._patience + 2:
            return False
        return agreed and values[-self._patience - 2] - values[-1] <= self._min_delta


def _hyperband(settings: HyperbandSettings, rungs_kimg: Rungs) -> BasePruner:
    return HyperbandPruner(
        min_resource=rungs_kimg[0],
        max_resource=rungs_kimg[-1],
        reduction_factor=reduction_factor(settings, rungs_kimg),
    )


def _percentile(percentile: float, settings: MedianSettings) -> BasePruner:
    return PercentilePruner(
        percentile,
        n_startup_trials=settings.n_startup_trials,
        n_warmup_steps=settings.n_warmup_kimg,
        n_min_trials=settings.n_min_trials,
    )


def _patient(settings: PatientSettings, rungs_kimg: Rungs) -> BasePruner:
    wrapped = pruner_for(settings.wrapped, rungs_kimg) if settings.wrapped else None
    return PatiencePruner(wrapped, patience=settings.patience, min_delta=settings.min_delta)


PRUNERS: dict[str, Callable[[Any, Rungs], BasePruner]] = {
    "successive_halving": lambda settings, rungs_kimg: SuccessiveHalvingPruner(
        min_resource=rungs_kimg[0], reduction_factor=reduction_factor(settings, rungs_kimg)
    ),
    "hyperband": _hyperband,
    "median": lambda settings, _: _percentile(50.0, settings),
    "percentile": lambda settings, _: _percentile(settings.percentile, settings),
    "patient": _patient,
    "promotion": lambda *_: NopPruner(),  # nothing is stopped: see promotion.py
    "none": lambda *_: NopPruner(),
}
