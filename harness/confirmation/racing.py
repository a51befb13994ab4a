"""Spend seeds where they matter: a candidate that is clearly out gets no more.

What a race decides is a function of the values alone, round by round, so neither the number of
workers nor an interruption changes it, and nothing about it has to be stored.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats
from numpy.typing import NDArray

_DRAWS = 10_000
"""Draws from the posterior; they leave a standard error of at most 0.005 on a probability."""


def t_interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval for the mean of what further seeds would give.

    It rests on these values alone, so with few of them it is wide: its half width is 9.0 standard
    deviations with two values, 2.5 with three, 1.2 with five, 0.7 with ten.

    Args:
        values: One a seed, independent.
        level: The share of such intervals that hold the true mean.

    Returns:
        (low, high); None for fewer than two values.

    References:
        Student 1908, The probable error of a mean, Biometrika 6.
    """
    count = len(values)
    if count < 2:
        return None
    mean = float(np.mean(values))
    quantile = float(scipy.stats.t.ppf((1.0 + level) / 2.0, count - 1))
    half_width = quantile * float(np.std(values, ddof=1)) / math.sqrt(count)
    return mean - half_width, mean + half_width


def probability_best(samples: Sequence[Sequence[float]]) -> tuple[float, ...] | None:
    """Return for each candidate the probability that its true mean is the lowest.

    The values of a candidate are taken as normal around its true mean, with one variance that all
    candidates share: two or three values say little of a variance, ten or fifteen some more. Under
    the prior p(means, sigma) = 1/sigma the variance is then a scaled inverse chi square, and each
    mean given it is normal around the mean of its values; the probabilities are shares of draws
    from this, always the same draws.

    Args:
        samples: The values of each candidate, at least one each; lower is better.

    Returns:
        Probabilities that add up to 1, in the same order; None where no candidate has two values,
        so that nothing is known of the variance.

    References:
        Box & Tiao 1973, Bayesian Inference in Statistical Analysis, section 2.11 (several means,
        one variance).
    """
    freedom = sum(len(values) - 1 for values in samples)
    if not samples or freedom < 1:
        return None
    counts = np.array([len(values) for values in samples])
    means = np.array([np.mean(values) for values in samples])
    squares = sum(float(np.var(values)) * len(values) for values in samples)
    normal, chi_square = _standard_draws(len(samples), freedom)
    sigma = np.sqrt(squares / chi_square)[:, None]
    best = (means + sigma * normal / np.sqrt(counts)).argmin(axis=1)
    shares = np.bincount(best, minlength=len(samples)) / _DRAWS
    return tuple(float(share) for share in shares)


@functools.lru_cache(maxsize=64)
def _standard_draws(
    candidates: int, freedom: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng((candidates, freedom))
    return rng.standard_normal((_DRAWS, candidates)), rng.chisquare(freedom, _DRAWS)


LEAST_PROBABILITY = 0.02
"""A candidate that is the best with less than this probability is out."""

_LEAST_SEEDS = 2
"""So many seeds of each are needed before any is judged by its values."""

Values = Mapping[str, Sequence[float | None]]
"""What is known of each candidate, by seed: its value (lower is better), infinity for a training
that failed, None for one that has not ended."""


@dataclasses.dataclass(frozen=True)
class Race:
    """The state of a race.

    Args:
        due: The trainings to do next: candidate and seed index.
        out: Candidates that get no more seeds, with the number of seeds they had by then.
        winner: The candidate with the lowest mean of those that got all seeds; None while
            trainings are due, or where every candidate failed.
    """

    due: tuple[tuple[str, int], ...]
    out: Mapping[str, int]
    winner: str | None = None


def run_race(values: Values, seeds: int) -> Race:
    """Replay a race as far as the values are known.

    In each round every candidate that is still in gets one more seed. After the second round and
    each later one but the last, those are out whose probability of being the best is below
    `LEAST_PROBABILITY`. A candidate of which one training failed is out at once: it would have to
    be trained twice to get one generator.

    Args:
        values: What is known, for at least `seeds` seeds of each candidate.
        seeds: How many each is to get at most.

    References:
        Birattari et al. 2002, A racing algorithm for configuring metaheuristics (F-Race); ours
        takes the probability of being the best instead of Friedman's test, since seeds of
        different candidates have nothing in common that would make them blocks.
    """
    out: dict[str, int] = {}
    for done in range(1, seeds + 1):
        racing = [name for name in values if name not in out]
        due = tuple((name, done - 1) for name in racing if values[name][done - 1] is None)
        if due:
            return Race(due, out)
        seen = {name: _known(values[name][: out.get(name, done)]) for name in values}
        out |= {name: done for name in racing if math.inf in seen[name]}
        if _LEAST_SEEDS <= done < seeds:
            out |= dict.fromkeys(_beaten(seen, [name for name in racing if name not in out]), done)
    left = {name: _known(values[name][:seeds]) for name in values if name not in out}
    return Race((), out, min(left, key=lambda name: sum(left[name]), default=None))


def _beaten(seen: Mapping[str, Sequence[float]], racing: Sequence[str]) -> list[str]:
    """Return who of those still racing is out; all that is known helps to know the variance."""
    sound = {name: found for name, found in seen.items() if math.inf not in found}
    chances = probability_best(list(sound.values()))
    if chances is None or not racing:
        return []
    by_name = dict(zip(sound, chances, strict=True))
    # Whoever leads stays, even if one that is out already would now have the better chance.
    limit = min(LEAST_PROBABILITY, max(by_name[name] for name in racing))
    return [name for name in racing if by_name[name] < limit]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
