"""Say which searched parameters mattered, and how scores lie over each of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from harness.optimization.importances import Importance, estimate_importances
from harness.optimization.study_plots import compared_rung
from harness.reporting.trials import TrialData
from harness.space.space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Point:
    """A trial in a slice: the parameter's value, and the score at the compared rung."""

    trial: str
    family: str
    x: Any
    value: float


@dataclasses.dataclass(frozen=True)
class Slice:
    """The scores over one searched field.

    Args:
        parameter: The field's dotted path.
        values: The values it can take, in order; None for a range of numbers.
        is_log: Whether the range is searched on a logarithmic scale.
        points: One a trial.
    """

    parameter: str
    values: tuple[Any, ...] | None
    is_log: bool
    points: tuple[Point, ...]


@dataclasses.dataclass(frozen=True)
class Effects:
    """What the search tells of its parameters, all trials compared at one rung.

    Args:
        kimg: The rung.
        compared: How many trials reached it.
        importances: The greatest first; empty where there are too few trials.
        slices: In the order of the importances, then as declared.
    """

    kimg: float
    compared: int
    importances: tuple[Importance, ...]
    slices: tuple[Slice, ...]


def find_effects(space: SearchSpace, trials: Sequence[TrialData]) -> Effects | None:
    """Return which parameters mattered; None before any trial was scored.

    Pruning leaves few complete trials, too few to tell parameters apart, so trials are compared
    at the last rung that at least half of the scored ones reached.

    Args:
        space: What was searched.
        trials: All trials; baselines are passed over.
    """
    scored = [trial for trial in trials if trial.rungs and trial.is_trial]
    if not scored:
        return None
    at = compared_rung([rung.index for rung in trial.rungs] for trial in scored) or 0
    pairs = [(trial, rung.value) for trial in scored for rung in trial.rungs if rung.index == at]
    importances = estimate_importances(space, [(trial.config, value) for trial, value in pairs])
    order = {
        each.parameter.split("[")[0]: place for place, each in reversed([*enumerate(importances)])
    }
    slices = sorted(_slices(space, pairs), key=lambda each: order.get(each.parameter, len(order)))
    return Effects(
        kimg=float(space.budget.rungs_kimg[at]),
        compared=len(pairs),
        importances=tuple(importances),
        slices=tuple(slices),
    )


def searched_fields(space: SearchSpace) -> tuple[str, ...]:
    """Return the fields that can take more than one value, as declared."""
    return tuple(
        part.name for part in space.parameters if part.values is None or len(part.values) > 1
    )


def _slices(space: SearchSpace, pairs: list[tuple[TrialData, float]]) -> list[Slice]:
    found = []
    for part in space.parameters:
        if part.name not in searched_fields(space):
            continue
        logs = [variant.to_dict().get("log", False) for variant in part.variants]
        points = tuple(
            Point(trial.name, trial.family, trial.config[part.name], value)
            for trial, value in pairs
            if part.name in trial.config
        )
        found.append(Slice(part.name, part.values, any(logs), points))
    return found
