"""Count how often TPE proposes what diverged, by how divergences are told."""

import numpy as np
import optuna

from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.optimization.samplers import sampler_for
from harness.space.space import SearchSpace
from harness.study.optuna_trials import tell

PROTOCOL = Protocol("fid", "fashion_cnn", "ab", 1000, "fashion_mnist/validation", "cd")
DIVERGES_ABOVE = 3e-3
"""Of learning rates from 1e-5 to 1e-1, uniform in the logarithm, 38 % lie above."""

SPACE = {
    "name": "divergence",
    "dataset": "fashion_mnist",
    "parameters": {
        "discriminator.learning_rate": {"low": 1.0e-5, "high": 1.0e-1, "log": True},
        "generator.learning_rate": {"low": 1.0e-4, "high": 1.0e-2, "log": True},
        "batch_size": {"choices": [16, 32, 64]},
    },
    "budget": {"rungs_kimg": [8, 32]},
    "sampler": {"name": "tpe", "n_startup_trials": 10},
}


def ending(rate: float, *, as_violation: bool) -> Outcome:
    """Return how a trial of a discriminator learning rate ends: the best rates lie at the edge."""
    if rate > DIVERGES_ABOVE:
        return Outcome(Reason.DIVERGED if as_violation else Reason.CRASHED, kimg=1.0)
    score = Score(2.0 + abs(float(np.log10(rate / DIVERGES_ABOVE))), 32.0, 1, PROTOCOL)
    return Outcome(Reason.FINISHED, kimg=32.0, best=score, final=score)


def share_proposed(
    seed: int, *, as_violation: bool, divergences: int = 20, proposals: int = 30
) -> float:
    """Return the share of divergent proposals after so many divergences.

    Args:
        seed: Of the study.
        as_violation: How divergences are told: as the harness does, or as Optuna's plain FAIL.
        divergences: How many come first, with half as many trials that complete.
        proposals: How many are counted after that; each is told how it ended.
    """
    space = SearchSpace.from_dict(SPACE, source="benchmark")
    low, high = np.log10([1e-5, 1e-1])
    edge = np.log10(DIVERGES_ABOVE)
    random = np.random.default_rng(seed)
    study = optuna.create_study()
    before = divergences + divergences // 2
    for number in range(before):
        bad = number % 3 != 0
        exponent = random.uniform(edge, high) if bad else random.uniform(low, edge)
        study.enqueue_trial({"discriminator.learning_rate": float(10**exponent)})
    divergent = 0
    for number in range(before + proposals):
        study.sampler = sampler_for(
            space,
            study_seed=seed,
            number=1000 * seed + number,
            trials=study.get_trials(deepcopy=False),
        )
        trial = study.ask()
        rate = space.suggest(trial, seed=0).discriminator.learning_rate
        divergent += number >= before and rate > DIVERGES_ABOVE
        tell(study, trial, ending(rate, as_violation=as_violation))
    return divergent / proposals
