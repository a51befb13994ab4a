"""Ask Optuna which parameters decide a score, and say how sure that is."""

import dataclasses
import statistics
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

from harness.core.errors import ConfigError
from harness.space.space import SearchSpace

FEWEST_TRIALS = 10
"""Below this, importances are noise and are not computed."""

TOP_SHARE = 0.2
_RESAMPLES = 20
_SHUFFLES = 40


@dataclasses.dataclass(frozen=True)
class Importance:
    """How much one parameter decides whether a trial is among the best fifth.

    Args:
        parameter: Its name in the search space; with the condition, where it has several forms.
        share: Its share of all parameters' importances, 0 to 1.
        deviation: Standard deviation of the share over resampled trials.
        chance: What 95 of 100 shuffles of the scores stay below, on the scale of `share`.
    """

    parameter: str
    share: float
    deviation: float
    chance: float

    @property
    def is_clear(self) -> bool:
        """Return whether it stands above what shuffled scores reach."""
        return self.share > self.chance


def estimate_importances(
    space: SearchSpace, trials: Sequence[tuple[Mapping[str, Any], float]], *, seed: int = 0
) -> list[Importance]:
    """Return the importance of every parameter, the greatest first.

    PED-ANOVA compares how the best fifth of the trials are distributed with how all are, and
    takes conditional parameters too; it needs no further package. Trials are resampled with
    replacement to see how far the answer hangs on single ones, and scores are shuffled to see
    what chance alone would show.

    Args:
        space: What was searched.
        trials: Configurations by dotted path, each with a score measured at one rung; lower is
            better.
        seed: Origin of resampling and shuffling.

    Returns:
        An empty list for fewer than `FEWEST_TRIALS` trials that the space holds.

    References:
        Watanabe et al. 2023, PED-ANOVA, arXiv 2304.10255; for conditional parameters Kaito et
        al. 2026, arXiv 2601.20800. Both as Optuna implements them.
    """
    distributions = space.distributions()
    known = [(params, value) for config, value in trials if (params := _params(space, config))]
    if len(known) < FEWEST_TRIALS:
        return []
    rng = np.random.default_rng(seed)
    values = np.array([value for _, value in known])
    everything = np.arange(len(known))

    def measure(rows: NDArray[np.intp], scores: NDArray[np.float64]) -> dict[str, float]:
        frozen = [
            optuna.trial.create_trial(
                params=known[row][0],
                distributions={name: distributions[name] for name in known[row][0]},
                value=float(score),
            )
            for row, score in zip(rows, scores, strict=True)
        ]
        return _measure(frozen)

    measured = measure(everything, values)
    total = sum(measured.values())
    if not total:
        return []
    draws = [rng.choice(everything, len(known)) for _ in range(_RESAMPLES)]
    resampled = [_as_shares(measure(rows, values[rows])) for rows in draws]
    shuffled = [measure(everything, rng.permutation(values)) for _ in range(_SHUFFLES)]
    found = [
        Importance(
            parameter=name,
            share=value / total,
            deviation=statistics.stdev(each.get(name, 0.0) for each in resampled),
            chance=float(np.quantile([each[name] for each in shuffled], 0.95)) / total,
        )
        for name, value in measured.items()
    ]
    return sorted(found, key=lambda each: (-each.share, each.parameter))


def _params(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return space.params_of({name: value for name, value in config.items() if name != "seed"})
    except ConfigError:  # half a batch after running out of memory, for instance
        return {}


def _measure(trials: list[optuna.trial.FrozenTrial]) -> dict[str, float]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize")
    study.add_trials(trials)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE)
    with warnings.catch_warnings():
        # A rare branch of a conditional parameter may hold a single trial; its deviation tells.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        warnings.filterwarnings("ignore", message="Target and region quantiles select the same")
        warnings.filterwarnings("ignore", message="Argument ``normalize`` is an experimental")
        return optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)


def _as_shares(measured: dict[str, float]) -> dict[str, float]:
    total = sum(measured.values()) or 1.0
    return {name: value / total for name, value in measured.items()}
