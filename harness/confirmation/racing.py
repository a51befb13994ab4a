"""Spend seeds where they matter: a candidate that is clearly out gets no more.

What a race decides is a function of the values alone, round by round, so neither the number of
workers nor an interruption changes it, and nothing about it has to be stored.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import NDArray

_Array = NDArray[Any]

_DRAWS = 10_000
"""Draws from the posterior; they leave a standard error of about 0.01 on a probability."""

# A candidate's spread over seeds is one of these multiples of a common one, and so probable before
# its values are seen: most are alike, and a few scatter several times as widely.
_SPREADS, _SPREAD_PRIOR = np.array([1.0, 5.0, 15.0]), np.array([0.79, 0.20, 0.01])

# The true means of leaders scatter by so many common spreads: a search leaves few that differ by
# much more than its own noise. Those few must fit, too, or the common spread would grow instead;
# they are rare, or a wide spread that looks narrow would be taken for a lead.
_SCATTERS = np.array([0.5, 1.0, 1.5, 2.0, 4.0, 16.0, 64.0, 256.0])
_SCATTER_PRIOR = np.array([0.10, 0.28, 0.30, 0.30, 0.005, 0.005, 0.005, 0.005])

_LOG_SCALES = np.linspace(-3.0, 3.0, 49)
"""Where the logarithm of the common spread may lie, from that of the pooled one."""


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

    The values of a candidate are taken as normal around its true mean, each candidate with a
    spread of its own. Two or three values say little of a spread, so it is shrunk towards what all
    show together: it is the common spread or a multiple of it. The true means in turn are normal
    around a common one, so that a lead that only a wide spread explains counts for little. The
    probabilities are weighted shares of draws from this, always the same draws.

    Args:
        samples: The values of each candidate, at least one each; lower is better.

    Returns:
        Probabilities that add up to 1, in the same order; None where no candidate has two values,
        so that nothing is known of a spread.

    References:
        Box & Tiao 1968, A Bayesian approach to some outlier problems, Biometrika 55 (spreads that
        are multiples of a common one); Rubin 1981, Estimation in parallel randomized experiments
        (means around a common one). Calibration: `benchmarks/racing.py`.
    """
    counts = np.array([len(values) for values in samples])
    freedom = int(counts.sum()) - len(samples)
    if freedom < 1:
        return None
    means = np.array([np.mean(values) for values in samples])
    squares = np.array([np.var(values) * len(values) for values in samples])
    # Values that are all alike have some spread nevertheless.
    pooled = max(math.sqrt(squares.sum() / freedom), 1e-9 * float(np.abs(means).max()), 1e-150)
    rng = np.random.default_rng((len(samples), freedom))
    scale, sigma = _draw_spreads(rng, counts, squares / pooled**2)
    truths, weights = _draw_means(rng, (means - means.mean()) / pooled, sigma**2 / counts, scale)
    shares = np.bincount(truths.argmin(axis=1), weights=weights, minlength=len(samples))
    return tuple(float(share) for share in shares)


def _draw_spreads(rng: np.random.Generator, counts: _Array, squares: _Array) -> tuple[_Array, ...]:
    """Return draws of the common spread, (draws,), and of each candidate's, (draws, k).

    Args:
        rng: Where they come from.
        counts: How many values each candidate has, (k,).
        squares: Their squared deviations from its mean, summed, in units of the pooled variance.
    """
    logs = _LOG_SCALES[:, None] + np.log(_SPREADS)  # (scales, spreads)
    fits = np.log(_SPREAD_PRIOR) - (counts[:, None, None] - 1) * logs
    fits = fits - squares[:, None, None] / 2.0 * np.exp(-2.0 * logs)  # (k, scales, spreads)
    of_scale = scipy.special.softmax(scipy.special.logsumexp(fits, axis=2).sum(axis=0))
    drawn = rng.choice(len(_LOG_SCALES), _DRAWS, p=of_scale)
    upto = scipy.special.softmax(fits, axis=2).cumsum(axis=2)[:, drawn, :-1]
    picked = (rng.random((len(counts), _DRAWS, 1)) > upto).sum(axis=2).T
    scale = np.exp(_LOG_SCALES[drawn])
    return scale, scale[:, None] * _SPREADS[picked]


def _draw_means(
    rng: np.random.Generator, means: _Array, errors: _Array, scale: _Array
) -> tuple[_Array, _Array]:
    """Return draws of the true means, (draws, k), and their weights, (draws,).

    Args:
        rng: Where they come from.
        means: The means of the candidates' values, (k,).
        errors: The variances of these means, (draws, k).
        scale: The common spread, (draws,).
    """
    scatter = scale * rng.choice(_SCATTERS, _DRAWS, p=_SCATTER_PRIOR)
    total = scatter[:, None] ** 2 + errors
    precision = (1.0 / total).sum(axis=1)
    centre = (means / total).sum(axis=1) / precision
    misfit = np.log(total).sum(axis=1) + (np.square(means - centre[:, None]) / total).sum(axis=1)
    weights = scipy.special.softmax(-(misfit + np.log(precision)) / 2.0)
    centre = centre + rng.standard_normal(_DRAWS) / np.sqrt(precision)
    kept = 1.0 - errors / total
    noise = rng.standard_normal(errors.shape) * np.sqrt(kept * errors)
    return centre[:, None] + kept * (means - centre[:, None]) + noise, weights


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
