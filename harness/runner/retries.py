"""Try a trial that ran out of memory once more, with half the batch."""

import optuna

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.runner.open_study import Study
from harness.study.storage import OVERRIDES, RETRY_OF

_SMALLEST_BATCH = 2


def enqueue_retry(study: Study, trial: optuna.Trial, config: GANConfig) -> int | None:
    """Queue the trial that supersedes one, once; a replay finds it there.

    Where the search space has no such batch size, the parameters stay and the batch size is kept
    beside them: the sampler then knows the trial by the batch size that was too large.

    Args:
        study: The study.
        trial: The trial that ran out of memory.
        config: What it trained.

    Returns:
        The number of the new trial; None if there is nothing to try: the trial was a retry
        itself, or its batch cannot be halved.
    """
    half = config.batch_size // 2
    if RETRY_OF in trial.user_attrs or half < _SMALLEST_BATCH:
        return None
    with study.storage_faults():
        number = _find(study.optuna, trial.number)
        if number is None:
            attributes: dict[str, object] = {RETRY_OF: trial.number}
            try:
                params = study.space.params_of(config.model_copy(update={"batch_size": half}))
            except ConfigError:
                params = trial.params
                attributes[OVERRIDES] = {"batch_size": half}
            study.optuna.enqueue_trial(params, user_attrs=attributes)
            number = _find(study.optuna, trial.number)
    return number


def _find(study: optuna.Study, retried: int) -> int | None:
    trials = study.get_trials(deepcopy=False)
    numbers = (trial.number for trial in trials if trial.user_attrs.get(RETRY_OF) == retried)
    return next(numbers, None)
