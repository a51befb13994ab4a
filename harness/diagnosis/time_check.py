"""Refuse a time budget that is too short for one trial."""

import math
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from harness.core.durations import format_seconds
from harness.core.errors import ConfigError
from harness.core.process import quiet_imports
from harness.runner.sweep_options import SweepOptions
from harness.runner.time_plan import TRIES
from harness.space.space import SearchSpace

_LONG_SECONDS = 600.0
"""A longer time is not checked: nothing is lost of it."""

_CALIBRATION_SECONDS = 3.0


def check_time_budget(space: SearchSpace, options: SweepOptions) -> None:
    """Refuse a short time budget in which no trial would reach its first rung.

    A process of its own trains each family for a moment, so that this one loads no TensorFlow.

    Args:
        space: What would be searched.
        options: How it would be run.

    Raises:
        ConfigError: If the time is too short; says how long a trial takes.
        HarnessError: If a worker of that sweep could not begin.
    """
    budget = options.time_budget_seconds
    known = (options.folder / "study.json").exists() or space.files  # of the user's own
    if budget is None or budget > _LONG_SECONDS or known:
        return
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        needed = pool.submit(_measure_shortest, space.to_dict(), options).result()
    if needed > TRIES * budget:
        least = math.ceil(needed / TRIES)
        raise ConfigError(
            f"--time-budget: {format_seconds(budget)} are too short for one trial, which takes "
            f"about {format_seconds(needed)} to its first rung here, loading included. Give at "
            f"least {least}s, or a search space with an earlier first rung."
        )


def _measure_shortest(record: dict[str, Any], options: SweepOptions) -> float:
    """Return after how long the cheapest family would be at its first rung, in seconds."""
    began = time.monotonic()
    space = SearchSpace.from_dict(record, source="search space")
    with quiet_imports():
        from harness.diagnosis.cost import calibrate, context_for

    context = context_for(
        space, data_dir=options.data_dir, threads=options.threads, weights=options.weights
    )
    loading = time.monotonic() - began
    first = space.budget.rungs_kimg[0]
    costs = calibrate(space, context, seconds=_CALIBRATION_SECONDS)
    return loading + min(cost.start_seconds + first * cost.seconds_per_kimg for cost in costs)
