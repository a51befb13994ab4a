"""Build Optuna's samplers, one for each trial, from a search space's settings and a seed."""

import contextlib
import copy
import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from harness.core.errors import require_packages
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.space.settings import PromotionSettings
from harness.space.space import SearchSpace
from harness.study.optuna_trials import ENDED_AS, violates

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""In these states a trial tells a sampler something."""

_MOST_BEST = 25
"""So many trials TPE takes for the good ones, at most."""

_MOST_OTHERS = 500
"""So many ended trials beside the best ones show TPE where bad ones lie.

TPE compares two densities: of the best trials and of all others. Five hundred draw the second as
well as thousands, and a proposal takes time in proportion to them.
"""


@dataclasses.dataclass(frozen=True)
class Seeds:
    """The randomness of one trial's sampler.

    Args:
        study: Fixes what all trials share: the scrambling of a quasi-random sequence.
        trial: Fixes what one trial draws.
        ended: How many trials a sampler can learn from.
    """

    study: int
    trial: int
    ended: int


def sampler_for(
    space: SearchSpace, *, study_seed: int, number: int, trials: Sequence[FrozenTrial]
) -> BaseSampler:
    """Build the sampler that proposes one trial.

    Each trial gets its own, so that what it proposes depends on the study's past and its own
    seed, and not on what the same process happened to draw before.

    Args:
        space: The search space; its `sampler` says which one.
        study_seed: The study's seed.
        number: The trial's number.
        trials: What `visible_trials` shows it.

    Raises:
        MissingExtraError: If the sampler needs a package that is not installed.
    """
    trial_seed = derive_seed(study_seed, number, "sampler")
    ended = sum(trial.state in _ENDED for trial in trials)
    return SAMPLERS[space.sampler.name](space, Seeds(study_seed, trial_seed, ended))


def visible_trials(space: SearchSpace, trials: Sequence[FrozenTrial]) -> Sequence[FrozenTrial]:
    """Return the trials that a sampler is to learn from: all, or for TPE of thousands a part.

    Where trials pause to be promoted, an open one that has a score is shown as it stands there, as
    if it had been pruned: TPE takes open trials for bad ones, and other samplers pass them over.

    All that run or wait stay, and the best as TPE ranks them. The others are thinned out evenly
    by number, so that early and late ones keep their weights against each other; of each set of
    parameters the first one stays, because TPE finds its groups by them.

    Args:
        space: The search space.
        trials: All trials of a study that minimizes, by number.
    """
    if isinstance(space.pruner, PromotionSettings):
        trials = [_as_it_stands(trial) for trial in trials]
    ended = [trial for trial in trials if trial.state in _ENDED]
    if space.sampler.name != "tpe" or len(ended) <= _MOST_BEST + _MOST_OTHERS:
        return trials
    best = sorted(ended, key=_rank)[:_MOST_BEST]
    first_of_kind = {tuple(trial.params): trial.number for trial in reversed(ended)}
    shown = {trial.number for trial in best} | set(first_of_kind.values())
    others = [trial.number for trial in ended if trial.number not in shown]
    shown |= {others[place * len(others) // _MOST_OTHERS] for place in range(_MOST_OTHERS)}
    return [trial for trial in trials if not trial.state.is_finished() or trial.number in shown]


def _as_it_stands(trial: FrozenTrial) -> FrozenTrial:
    if trial.state is not TrialState.RUNNING or trial.last_step is None:
        return trial
    shown = copy.copy(trial)
    shown.state, shown.datetime_complete = TrialState.PRUNED, trial.datetime_start
    shown.user_attrs = trial.user_attrs | {ENDED_AS: math.inf}  # later than what has ended
    return shown


def _rank(trial: FrozenTrial) -> tuple[bool, bool, float, float]:
    """Return what TPE sorts trials by, the best first: feasible, complete, far, low."""
    violated = violates(trial)
    if trial.state is TrialState.COMPLETE:
        return violated, False, 0.0, cast(float, trial.value)
    step = trial.last_step
    if step is None:
        return violated, True, math.inf, math.inf
    return violated, True, -step, trial.intermediate_values[step]


def first_configs(
    space: SearchSpace, *, seed: int, count: int = 3, queued: Sequence[dict[str, Any]] = ()
) -> list[GANConfig]:
    """Return the configurations that a new study asks for before any trial has ended.

    They are the study's own, as long as its sampler has not learnt from trials that ended
    meanwhile.

    Args:
        space: What would be searched.
        seed: The study's seed.
        count: How many.
        queued: Optuna parameters of configurations that are tried first.

    Raises:
        ConfigError: If the space can propose what makes no valid GAN.
        MissingExtraError: If the sampler needs a package that is not installed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize")
    for params in queued:
        study.enqueue_trial(params)
    configs = []
    for number in range(count):
        study.sampler = sampler_for(space, study_seed=seed, number=number, trials=())
        configs.append(space.suggest(study.ask(), seed=derive_seed(seed, number, "training")))
    return configs


def _tpe(space: SearchSpace, seeds: Seeds) -> BaseSampler:
    options = _options(space)
    # Drawn independently, ten trials of three families often hold one family a single time, and
    # what that trial happened to do then decides about the family. So they are spread evenly.
    if seeds.ended < options["n_startup_trials"]:
        return _sobol(space, seeds, scramble=True)
    with _expected("Argument ``group`` is an experimental feature"):
        return TPESampler(**options, seed=seeds.trial)


def _sobol(space: SearchSpace, seeds: Seeds, **options: Any) -> BaseSampler:
    with _expected("QMCSampler is experimental"):
        return _WholeSpaceQMCSampler(
            space.distributions(),
            **options,
            seed=seeds.study,  # every trial takes the next point of the same sequence
            independent_sampler=RandomSampler(seed=seeds.trial),
        )


def _cmaes(space: SearchSpace, seeds: Seeds) -> BaseSampler:
    _require("cmaes", "cmaes")
    from harness.optimization.cma_sampler import CMASampler

    return CMASampler(
        space.distributions(unconditional=True),
        TPESampler(multivariate=False, seed=seeds.trial),
        **_options(space),
        seed=seeds.trial,
    )


def _gp(space: SearchSpace, seeds: Seeds) -> BaseSampler:
    _require("gp", "torch")
    return GPSampler(
        **_options(space),
        seed=seeds.trial,
        independent_sampler=TPESampler(multivariate=False, seed=seeds.trial),
        warn_independent_sampling=False,  # conditional parameters are expected to fall to TPE
    )


SAMPLERS: dict[str, Callable[[SearchSpace, Seeds], BaseSampler]] = {
    "tpe": _tpe,
    "random": lambda _, seeds: RandomSampler(seed=seeds.trial),
    "qmc": lambda space, seeds: _sobol(space, seeds, **_options(space)),
    "cmaes": _cmaes,
    "gp": _gp,
}


class _WholeSpaceQMCSampler(QMCSampler):
    """A quasi-random sampler with a coordinate for every parameter, conditional ones included.

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


def _options(space: SearchSpace) -> dict[str, Any]:
    return space.sampler.model_dump(exclude={"name"})


@contextlib.contextmanager
def _expected(message: str) -> Iterator[None]:
    """Silence one warning that Optuna gives for a feature chosen on purpose, and no other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message, category=ExperimentalWarning)
        yield


def _require(sampler: str, package: str) -> None:
    remedy = "Use pip install 'gan-sweep-harness[samplers]' or sampler: {name: tpe}."
    require_packages(f"The sampler {sampler}", [package], remedy)
