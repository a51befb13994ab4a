"""Show what a study would try first, without making one."""

from collections.abc import Sequence
from typing import Any

import optuna

from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.optimization.samplers import sampler_for
from harness.space.space import SearchSpace


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
        study.sampler = sampler_for(
            space, study_seed=seed, trial_seed=derive_seed(seed, number, "sampler")
        )
        configs.append(space.suggest(study.ask(), seed=derive_seed(seed, number, "training")))
    return configs
