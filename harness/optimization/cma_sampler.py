"""Propose by CMA-ES over the numbers that every trial has, with nothing kept between trials.

Optuna's own sampler takes the parameters that all completed trials share, whose number changes as
families complete, and keeps its optimizer as a pickle in the study, which runs code where somebody
else wrote it. The optimizer is a function of the trials that have ended, so here it is built from
them each time, which takes milliseconds.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import cmaes
import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

_GENERATION = "cmaes:generation:"
"""Attribute of a study: the number of the first trial that a generation proposed."""


class CMASampler(BaseSampler):
    """A sampler of one trial by CMA-ES; what has no scale, or a condition, falls to TPE.

    Pruned trials teach it by their last score: most trials are pruned, and without them a
    generation would take hundreds of trials.

    Args:
        space: The parameters that every trial has, by name.
        n_startup_trials: Trials that have ended before it proposes anything.
        popsize: Trials a generation; None for the method's own rule.
        trial_seed: Fixes what this trial draws.

    References:
        Hansen & Ostermeier 2001, Evolutionary Computation 9(2).
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        *,
        n_startup_trials: int,
        popsize: int | None,
        trial_seed: int,
    ) -> None:
        self._space = {
            name: each
            for name, each in space.items()
            if not each.single() and not isinstance(each, CategoricalDistribution)
        }
        self._n_startup_trials = n_startup_trials
        self._popsize = popsize
        self._trial_seed = trial_seed
        self._independent = TPESampler(multivariate=False, seed=trial_seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the numbers that every trial has."""
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a point of the present generation; nothing before enough trials have ended."""
        ended = [each for each in study.get_trials(deepcopy=False) if _value(each) is not None]
        if not search_space or len(ended) < self._n_startup_trials:
            return {}
        optimizer = self._replay(ended, _first_trials(study))
        if f"{_GENERATION}{optimizer.generation}" not in study.user_attrs:
            study.set_user_attr(f"{_GENERATION}{optimizer.generation}", trial.number)
        optimizer.reseed_rng(self._trial_seed % 2**32)
        point = optimizer.ask()
        pairs = zip(search_space.items(), point, strict=True)
        return {name: _from_unit(each, float(x)) for (name, each), x in pairs}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return TPE's proposal for a parameter that is not adapted."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _replay(self, ended: Sequence[FrozenTrial], first: Sequence[int]) -> cmaes.CMA:
        """Return the optimizer that has been told of every whole generation, in their order."""
        size = len(self._space)
        optimizer = cmaes.CMA(
            mean=np.full(size, 0.5),
            sigma=1 / 6,
            bounds=np.tile([0.0, 1.0], (size, 1)),
            n_max_resampling=10 * size,
            population_size=self._popsize,
        )
        # A trial belongs to the generation that proposed it, and those that ended first count: one
        # that comes late cannot change what was told before.
        ended = sorted(ended, key=lambda each: (each.datetime_complete, each.number))
        for begin, end in itertools.pairwise([*first, math.inf]):
            told = [
                (self._to_unit(each), _value(each))
                for each in ended
                if begin <= each.number < end and self._space.keys() <= each.params.keys()
            ][: optimizer.population_size]
            if len(told) < optimizer.population_size:
                break
            optimizer.tell(told)
        return optimizer

    def _to_unit(self, trial: FrozenTrial) -> NDArray[np.float64]:
        return np.array([_to_unit(each, trial.params[name]) for name, each in self._space.items()])


def _first_trials(study: Study) -> list[int]:
    """Return the first trial of each generation."""
    attributes = study.user_attrs
    first: list[int] = []
    while (number := attributes.get(f"{_GENERATION}{len(first)}")) is not None:
        first.append(number)
    return first


def _value(trial: FrozenTrial) -> float | None:
    """Return what a trial teaches: its value, or the last score before it was pruned."""
    value = trial.value if trial.state is TrialState.COMPLETE else None
    if trial.state is TrialState.PRUNED and trial.last_step is not None:
        value = trial.intermediate_values[trial.last_step]
    return value if value is not None and math.isfinite(value) else None


def _ends(distribution: BaseDistribution) -> tuple[float, float]:
    """Return where 0 and 1 of the optimizer's coordinate lie, on the distribution's scale."""
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError(f"expected numbers; received {distribution}")
    half = (distribution.step or 0) / 2  # each value of a grid gets an interval of one size
    low, high = distribution.low - half, distribution.high + half
    return (math.log(low), math.log(high)) if distribution.log else (low, high)


def _to_unit(distribution: BaseDistribution, value: float) -> float:
    low, high = _ends(distribution)
    scaled = math.log(value) if getattr(distribution, "log", False) else value
    return (scaled - low) / (high - low)


def _from_unit(distribution: Any, unit: float) -> float:
    low, high = _ends(distribution)
    value = low + unit * (high - low)
    value = math.exp(value) if distribution.log else value
    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = distribution.low + steps * distribution.step
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else value
