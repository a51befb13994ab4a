"""Propose trials by CMA-ES, rebuilt from the trials that ended each time it is asked."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import cmaes
import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from harness.study.optuna_trials import ENDED_AS

Number = FloatDistribution | IntDistribution

_FIRST = "cmaes:generation:{}"
"""Attribute of a study: the number of the first trial that a generation proposed."""


class CMASampler(BaseSampler):
    """A sampler that adapts a normal distribution over the numbers that every trial has.

    Optuna's takes the parameters that all completed trials share, so its dimensions change as
    families come and go; and it keeps its optimizer as a pickle among the trials, where whoever
    can write there could run code here. The optimizer is a function of the trials that ended, so
    it is built from them each time, which takes milliseconds. Pruned trials count with their last
    score: most trials are pruned, and without them a generation would take hundreds.

    Args:
        space: All parameters that do not depend on others.
        independent: Samples what is no number or depends on others, and the first trials.
        n_startup_trials: Trials with a score before the adaptation begins.
        popsize: Trials a generation; None takes the method's own rule.
        seed: Fixes what this sampler draws.

    References:
        Hansen 2016, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772. A generation here
        is the first `popsize` of its trials to end, however many workers there are.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        independent: BaseSampler,
        *,
        n_startup_trials: int,
        popsize: int | None,
        seed: int,
    ) -> None:
        self._space = {
            name: each
            for name, each in space.items()
            if isinstance(each, Number) and not each.single()
        }
        self._independent = independent
        self._n_startup_trials = n_startup_trials
        self._popsize = popsize
        self._seed = seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the numbers that every trial has."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a proposal for these numbers; nothing before the adaptation begins."""
        scored = _scored_trials(study)
        if len(scored) < self._n_startup_trials or not self._space:
            return {}
        optimizer = self._rebuild(study, scored)
        key = _FIRST.format(optimizer.generation)
        if key not in study.user_attrs:
            study.set_user_attr(key, trial.number)
        optimizer.reseed_rng(self._seed)
        proposal = optimizer.ask()
        return {
            name: _from_unit(each, unit)
            for (name, each), unit in zip(self._space.items(), proposal, strict=True)
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a proposal for any other parameter."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _rebuild(self, study: Study, scored: list[tuple[FrozenTrial, float]]) -> cmaes.CMA:
        """Return the optimizer after the generations that are complete."""
        dimensions = len(self._space)
        optimizer = cmaes.CMA(
            mean=np.full(dimensions, 0.5),
            sigma=1 / 6,
            bounds=np.array([[0.0, 1.0]] * dimensions),
            n_max_resampling=10 * dimensions,
            population_size=self._popsize,
            seed=self._seed,
        )
        firsts = study.user_attrs
        for generation in itertools.count():
            first = firsts.get(_FIRST.format(generation), math.inf)
            end = firsts.get(_FIRST.format(generation + 1), math.inf)
            told = [(each, value) for each, value in scored if first <= each.number < end]
            if len(told) < optimizer.population_size:
                return optimizer
            optimizer.tell(
                [(self._units(each), value) for each, value in told[: optimizer.population_size]]
            )
        raise AssertionError  # count() has no end

    def _units(self, trial: FrozenTrial) -> NDArray[np.float64]:
        return np.array([_to_unit(each, trial.params[name]) for name, each in self._space.items()])


def _scored_trials(study: Study) -> list[tuple[FrozenTrial, float]]:
    """Return the trials that ended with a score, in the order in which they ended."""
    scored = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)):
        value = trial.value if trial.state is TrialState.COMPLETE else None
        if trial.state is TrialState.PRUNED and trial.last_step is not None:
            value = trial.intermediate_values[trial.last_step]
        if value is not None and math.isfinite(value):
            scored.append((trial, value))

    # One that ended later cannot change what was told before. Trials that were taken over, or are
    # an earlier version's, have no number and come first, by their times.
    def place(each: tuple[FrozenTrial, float]) -> tuple[float, Any, int]:
        trial = each[0]
        return trial.user_attrs.get(ENDED_AS, -1), trial.datetime_complete, trial.number

    return sorted(scored, key=place)


def _bounds(distribution: Number) -> tuple[float, float]:
    """Return the ends of a range on its scale; half a step wider where there are steps."""
    half = (distribution.step or 0) / 2
    low, high = distribution.low - half, distribution.high + half
    return (math.log(low), math.log(high)) if distribution.log else (low, high)


def _to_unit(distribution: Number, value: float) -> float:
    low, high = _bounds(distribution)
    return ((math.log(value) if distribution.log else value) - low) / (high - low)


def _from_unit(distribution: Number, unit: float) -> float:
    low, high = _bounds(distribution)
    value = low + float(unit) * (high - low)
    value = math.exp(value) if distribution.log else value
    if distribution.step:
        steps = round((value - distribution.low) / distribution.step)
        value = distribution.low + steps * distribution.step
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else value
