"""Build Optuna's samplers, one for each trial, from a search space's settings and a seed."""

import contextlib
import copy
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from harness.core.errors import require_packages
from harness.optimization.study_view import index_of, showing, thin_out
from harness.space.settings import (
    CMAESSettings,
    GPSettings,
    QMCSettings,
    Settings,
    TPESettings,
)

if TYPE_CHECKING:
    from harness.space.space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Seeds:
    """Keep what all trials of a study share apart from what each draws for itself.

    Args:
        study: Fixes what they share: the scrambling of a quasi-random sequence.
        trial: Fixes what one trial draws.
    """

    study: int
    trial: int


def sampler_for(space: "SearchSpace", *, study_seed: int, trial_seed: int) -> BaseSampler:
    """Build the sampler that proposes one trial.

    Each trial gets its own, so that what it proposes depends on the study's past and its own
    seed, and not on what the same process happened to draw before.

    Args:
        space: The search space; its `sampler` says which one.
        study_seed: Fixes what all trials share: the scrambling of a quasi-random sequence.
        trial_seed: Fixes what this trial draws.

    Raises:
        MissingExtraError: If the sampler needs a package that is not installed.
    """
    return SAMPLERS[space.sampler.name](space, Seeds(study_seed, trial_seed))


def _tpe(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    settings = cast(TPESettings, space.sampler)
    start = _sobol(space, seeds, scramble=True)
    with _expected("Argument ``group`` is an experimental feature"):
        return _EvenStartTPESampler(start, **_options(settings), seed=seeds.trial)


def _random(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    return RandomSampler(seed=seeds.trial)


def _qmc(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    return _sobol(space, seeds, **_options(cast(QMCSettings, space.sampler)))


def _sobol(space: "SearchSpace", seeds: Seeds, **options: Any) -> "_WholeSpaceQMCSampler":
    with _expected("QMCSampler is experimental"):
        return _WholeSpaceQMCSampler(
            space.distributions(),
            **options,
            seed=seeds.study,  # every trial takes the next point of the same sequence
            independent_sampler=RandomSampler(seed=seeds.trial),
        )


def _cmaes(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    _require("cmaes", "cmaes")
    settings = cast(CMAESSettings, space.sampler)
    with _expected("Argument ``consider_pruned_trials`` is an experimental feature"):
        return _KnownSpaceCmaEsSampler(
            space.distributions(unconditional=True),
            **_options(settings),
            seed=seeds.trial,
            # Most trials are pruned; without them a generation would take hundreds of trials.
            consider_pruned_trials=True,
            independent_sampler=TPESampler(multivariate=False, seed=seeds.trial),
            warn_independent_sampling=False,  # choices and conditions are expected to fall to TPE
        )


def _gp(space: "SearchSpace", seeds: Seeds) -> BaseSampler:
    _require("gp", "torch")
    settings = cast(GPSettings, space.sampler)
    return GPSampler(
        **_options(settings),
        seed=seeds.trial,
        independent_sampler=TPESampler(multivariate=False, seed=seeds.trial),
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
    """Give every parameter its own coordinate, conditional ones included.

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


class _EvenStartTPESampler(TPESampler):
    """Spread the trials before the first estimate over the whole space, choices included.

    Drawn independently, ten trials of three families often hold one family a single time, and
    what that trial happened to do then decides about the family.

    A trial is proposed from one look at the study, where Optuna takes one for each group of
    parameters, and from a part of thousands of ended ones, see `thin_out`.
    """

    def __init__(self, start: BaseSampler, *, n_startup_trials: int, **options: Any) -> None:
        super().__init__(n_startup_trials=n_startup_trials, **options)
        self._start = start
        self._start_trials = n_startup_trials
        self._looked: tuple[int, Study] | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if self._begins(study):
            return self._start.infer_relative_search_space(study, trial)
        if not self._group:
            return super().infer_relative_search_space(study, trial)
        # Groups follow from which parameters stand together. Trials with the same ones tell the
        # same, and there are few such kinds.
        kinds = index_of(study).kinds()
        return super().infer_relative_search_space(showing(study, kinds), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._begins(study):
            return self._start.sample_relative(study, trial, search_space)
        return super().sample_relative(self._look(study, trial), trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        shown = self._look(study, trial)
        return super().sample_independent(shown, trial, param_name, param_distribution)

    def _look(self, study: Study, trial: FrozenTrial) -> Study:
        """Return the study as it is when a trial's first parameter is proposed."""
        if self._looked is None or self._looked[0] != trial.number:
            shown = [self._as_proposed(study, each) for each in thin_out(study)]
            self._looked = trial.number, showing(study, shown)
        return self._looked[1]

    def _as_proposed(self, study: Study, trial: FrozenTrial) -> FrozenTrial:
        """Return a running trial with all that was proposed for it, read from JSON only once."""
        if trial.state.is_finished():
            return trial
        shown = copy.copy(trial)
        shown.params, shown.system_attrs = self._get_params(trial, study), {}
        return shown

    def _begins(self, study: Study) -> bool:
        return len(index_of(study).ended) < self._start_trials


class _KnownSpaceCmaEsSampler(CmaEsSampler):
    """Search the numbers that every trial has, from the first generation to the last.

    Optuna takes the parameters that all completed trials share. While only one family has
    completed, that includes the family's own; once another one completes the number of dimensions
    changes, and Optuna then gives up CMA-ES for the rest of the study.

    Optuna also keeps the optimizer between trials as a pickle in the database, and whoever can
    write there could run code here. The optimizer is a function of the trials of its generations,
    so it is built from them each time, which takes milliseconds, and nothing is stored.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], **options: Any) -> None:
        super().__init__(**options)
        self._space = space
        self._ended: list[FrozenTrial] = []

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {
            name: each
            for name, each in self._space.items()
            if not each.single() and not isinstance(each, CategoricalDistribution)
        }

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> None:
        self._ended = completed_trials

    def _init_optimizer(self, trans: Any, direction: StudyDirection) -> Any:
        random = self._cma_rng.rng
        drawn = random.get_state()
        optimizer = super()._init_optimizer(trans, direction)
        generation = self._solutions(optimizer)
        # The last generation is told, and the next begun, by the method that called this one.
        while len(generation) == optimizer.population_size and self._begun(
            optimizer.generation + 1
        ):
            optimizer.tell([(trans.transform(trial.params), trial.value) for trial in generation])
            generation = self._solutions(optimizer)
            random.set_state(drawn)  # as if it had been stored
        return optimizer

    def _split_optimizer_str(self, optimizer_str: str) -> dict[str, str]:
        return {}

    def _solutions(self, optimizer: Any) -> list[FrozenTrial]:
        trials = self._get_solution_trials(self._ended, optimizer.generation)
        return trials[: optimizer.population_size]

    def _begun(self, generation: int) -> bool:
        return bool(self._get_solution_trials(self._ended, generation))


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
