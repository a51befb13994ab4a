"""Build Optuna's samplers, one for each trial, from a search space's settings and a seed."""

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from harness.core.errors import require_packages
from harness.space.settings import (
    CMAESSettings,
    GPSettings,
    QMCSettings,
    Settings,
    TPESettings,
)

if TYPE_CHECKING:
    from harness.space.space import SearchSpace


MOST_OTHERS = 500
"""So many ended trials beside the best ones show TPE where bad ones lie.

TPE compares two densities: of the best trials, 25 at most, and of all others. Five hundred draw
the second as well as thousands, and a proposal takes time in proportion to them.
"""

_MOST_BEST = 25

Seeds = tuple[int, int]
"""Of the study, which fixes what all trials share, and of the trial."""


def sampler_for(
    space: "SearchSpace", *, study_seed: int, trial_seed: int, trials: Sequence[FrozenTrial] = ()
) -> BaseSampler:
    """Build the sampler that proposes one trial.

    Each trial gets its own, so that what it proposes depends on the study's past and its own
    seed, and not on what the same process happened to draw before.

    Args:
        space: The search space; its `sampler` says which one.
        study_seed: Fixes what all trials share: the scrambling of a quasi-random sequence.
        trial_seed: Fixes what this trial draws.
        trials: The study's trials so far.

    Raises:
        MissingExtraError: If the sampler needs a package that is not installed.
    """
    seeds = study_seed, trial_seed
    settings = space.sampler
    if isinstance(settings, TPESettings) and len(_taught(trials)) < settings.n_startup_trials:
        # Spread over the whole space: drawn independently, ten trials of three families often
        # hold one family a single time, and what that one happened to do decides about the family.
        return _sobol(space, seeds, scramble=True)
    return SAMPLERS[settings.name](space, seeds)


def teaching_trials(
    space: "SearchSpace", trials: Sequence[FrozenTrial]
) -> list[FrozenTrial] | None:
    """Return what a sampler is to learn from; None for everything.

    Of thousands of trials TPE learns from a part: all that have not ended, the best as it ranks
    them, and of the others some, evenly by number, so that early and late ones keep their weights.

    Args:
        space: The search space.
        trials: The study's trials, by number.
    """
    ended = _taught(trials)
    if not isinstance(space.sampler, TPESettings) or len(ended) <= _MOST_BEST + MOST_OTHERS:
        return None
    best = {each.number for each in sorted(ended, key=_rank)[:_MOST_BEST]}
    others = [each.number for each in ended if each.number not in best]
    some = {others[place * len(others) // MOST_OTHERS] for place in range(MOST_OTHERS)}
    return [t for t in trials if not t.state.is_finished() or t.number in best or t.number in some]


def _taught(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return [each for each in trials if each.state in states]


def _rank(trial: FrozenTrial) -> tuple[bool, bool, int, float]:
    """Order trials as TPE does: those that violate a constraint last, late pruned ones first."""
    violated = any(value > 0 for value in (trial.constraints or {}).values())
    if trial.state is TrialState.COMPLETE:
        return violated, False, 0, trial.value if trial.value is not None else math.inf
    step = trial.last_step
    value = math.inf if step is None else trial.intermediate_values[step]
    return violated, True, -1 if step is None else -step, value


def _tpe(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    with _expected("Argument ``group`` is an experimental feature"):
        return TPESampler(**_options(space.sampler), seed=seeds[1])


def _random(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    return RandomSampler(seed=seeds[1])


def _qmc(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    return _sobol(space, seeds, **_options(cast(QMCSettings, space.sampler)))


def _sobol(space: "SearchSpace", seeds: Seeds, **options: Any) -> "_WholeSpaceQMCSampler":
    with _expected("QMCSampler is experimental"):
        return _WholeSpaceQMCSampler(
            space.distributions(),
            **options,
            seed=seeds[0],  # every trial takes the next point of the same sequence
            independent_sampler=RandomSampler(seed=seeds[1]),
        )


def _cmaes(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    _require("cmaes", "cmaes")
    from harness.optimization.cma_sampler import CMASampler

    settings = cast(CMAESSettings, space.sampler)
    return CMASampler(
        space.distributions(unconditional=True), **_options(settings), trial_seed=seeds[1]
    )


def _gp(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    _require("gp", "torch")
    settings = cast(GPSettings, space.sampler)
    return GPSampler(
        **_options(settings),
        seed=seeds[1],
        independent_sampler=TPESampler(multivariate=False, seed=seeds[1]),
        warn_independent_sampling=False,  # conditional parameters are expected to fall to TPE
    )


SAMPLERS: dict[str, Callable[["SearchSpace", Seeds], BaseSampler]] = {
    "tpe": _tpe,
    "random": _random,
    "qmc": _qmc,
    "cmaes": _cmaes,
    "gp": _gp,
}


class _WholeSpaceQMCSampler(QMCSampler):
    """A quasi-random sequence with a coordinate for every parameter, conditional ones included.

    Optuna takes the coordinates from the first trial, and would draw what that trial lacked at
    random. A coordinate whose parameter does not apply is simply not used.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], **options: Any) -> None:
        super().__init__(**options)
        self._space = space

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {name: each for name, each in self._space.items() if not each.single()}


def _options(settings: Settings) -> dict[str, Any]:
    return {key: getattr(settings, key) for key in type(settings).model_fields}


@contextlib.contextmanager
def _expected(message: str) -> Iterator[None]:
    """Silence one warning that Optuna gives for a feature chosen on purpose, and no other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message, category=ExperimentalWarning)
        yield


def _require(sampler: str, package: str) -> None:
    remedy = "Use pip install 'gan-sweep-harness[samplers]' or sampler: {name: tpe}."
    require_packages(f"The sampler {sampler}", [package], remedy)
