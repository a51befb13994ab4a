"""Spend seeds where they matter: a candidate that is clearly out gets no more.

What a race decides is a function of the values alone, round by round, so neither the number of
workers nor an interruption changes it, and nothing about it has to be stored.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import NDArray

_Array = NDArray[Any]

# All that is not known lies on a grid, and so probable is each of its points before any value is
# seen. Either all candidates' spreads over seeds are alike, or one is odd and a few times as wide,
# rarely two. If each were odd on its own account, one seen to be wide would not clear the rest.
_ODD_PRIOR = np.array([0.30, 0.65, 0.05])
"""Of no odd spread, of one and of two."""
_MULTIPLES = np.array([1.0, 2.5, 5.0, 10.0, 100.0])
"""A spread, in common ones; the first is that of a candidate that is not odd."""
_MULTIPLE_PRIOR = np.array([math.nan, 0.2498, 0.5, 0.25, 0.0002])
"""Of the spread of one that is odd; the last is for a training that went wrong altogether."""

# The true means of leaders scatter by so many common spreads: a search leaves few that differ by
# much more than its own noise. Those few must fit, too, or the common spread would grow instead.
_SCATTERS = np.array([0.75, 1.0, 1.5, 2.0, 16.0, 64.0, 256.0])
_SCATTER_PRIOR = np.array([0.394, 0.2955, 0.14775, 0.14775, 0.005, 0.005, 0.005])

_LOG_SCALES = np.linspace(-5.0, 1.2, 32)
"""Where the logarithm of the common spread may lie, from that of the pooled one."""

_DRAWS = 2048
"""Draws from the posterior; they leave an error of up to 0.01 on a probability."""


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

    The values of a candidate are taken as normal around its true mean. Their spread is a common
    one, but for one or two candidates whose spread may be odd: two or three values say little of
    it, so all that are seen say together which. The true means in turn are normal around a common
    one, so that a lead that only a wide spread explains counts for little. The probabilities are
    shares of draws from this, always the same draws.

    Args:
        samples: The values of each candidate, at least one each; lower is better.

    Returns:
        Probabilities that add up to 1, in the same order; None where no candidate has two values,
        so that nothing is known of a spread.

    References:
        Box & Tiao 1968, A Bayesian approach to some outlier problems, Biometrika 55 (few spreads
        that are multiples of a common one); Rubin 1981, Estimation in parallel randomized
        experiments (means around a common one). Calibration: `benchmarks/racing.py`.
    """
    counts = np.array([len(values) for values in samples])
    freedom = int(counts.sum()) - len(samples)
    if freedom < 1:
        return None
    means = np.array([np.mean(values) for values in samples])
    squares = np.array([np.var(values) * len(values) for values in samples])
    # Values that are all alike have some spread nevertheless.
    pooled = max(math.sqrt(squares.sum() / freedom), 1e-9 * float(np.abs(means).max()), 1e-150)
    means = (means - means.mean()) / pooled
    errors, scatter = _draw_variances(counts, means, squares / pooled**2)
    truths = _draw_means(means, errors, scatter)
    shares = np.bincount(truths.argmin(axis=1), minlength=len(samples)) / _DRAWS
    return tuple(float(share) for share in shares)


@functools.lru_cache(maxsize=8)
def _cases(candidates: int) -> tuple[_Array, _Array]:
    """Return which multiples the spreads may be, as zeros and ones, and their logarithmic prior.

    Returns:
        Of shape (cases, k, multiples), one 1 a candidate; and of shape (cases,).
    """
    cases, logs = [], []
    for odd, prior in enumerate(_ODD_PRIOR):
        places = list(itertools.combinations(range(candidates), odd))
        multiples = list(itertools.product(range(1, len(_MULTIPLES)), repeat=odd))
        for where, which in itertools.product(places, multiples):
            picked = np.zeros(candidates, int)
            picked[list(where)] = which
            cases.append(np.eye(len(_MULTIPLES))[picked])
            logs.append(math.log(prior / len(places)) + np.log(_MULTIPLE_PRIOR[list(which)]).sum())
    return np.array(cases), np.array(logs)


@functools.lru_cache(maxsize=8)
def _normals(candidates: int) -> _Array:
    """Return the standard normal numbers behind the draws, evenly spread, (draws, k + 1)."""
    source = scipy.stats.qmc.MultivariateNormalQMC(np.zeros(candidates + 1), rng=0)
    return np.asarray(source.random(_DRAWS))


def _draw_variances(counts: _Array, means: _Array, squares: _Array) -> tuple[_Array, _Array]:
    """Return draws of the variances of the means, (draws, k), and of the true means, (draws, 1).

    Args:
        counts: How many values each candidate has, (k,).
        means: Their means, (k,).
        squares: Their squared deviations from them, summed, in units of the pooled variance.
    """
    cases, prior = _cases(len(counts))
    scales = np.exp(_LOG_SCALES)[:, None, None, None]
    sigma = scales * _MULTIPLES
    errors = sigma**2 / counts[:, None]  # (scales, 1, k, multiples)
    scatter = (scales * _SCATTERS[:, None, None]) ** 2  # (scales, scatters, 1, 1)
    total = scatter + errors
    fits = (1 - counts[:, None]) * np.log(sigma) - squares[:, None] / 2.0 / sigma**2
    fits = fits - (np.log(total) + np.square(means[:, None]) / total) / 2.0
    fit, precision, pull = (
        np.tensordot(term, cases, axes=([2, 3], [1, 2]))  # (scales, scatters, cases)
        for term in (fits, 1.0 / total, means[:, None] / total)
    )
    fit += (pull**2 / precision - np.log(precision)) / 2.0
    fit += prior + np.log(_SCATTER_PRIOR)[:, None]
    upto = scipy.special.softmax(fit).cumsum()
    places = np.searchsorted(upto, (np.arange(_DRAWS) + 0.5) / _DRAWS * upto[-1])
    scale, spread, case = np.unravel_index(places, fit.shape)
    return np.einsum("dkm,dkm->dk", errors[scale, 0], cases[case]), scatter[scale, spread, 0]


def _draw_means(means: _Array, errors: _Array, scatter: _Array) -> _Array:
    """Return draws of the true means, (draws, k).

    Args:
        means: The means of the candidates' values, (k,).
        errors: The variances of these means, (draws, k).
        scatter: The variance of the true means, (draws, 1).
    """
    normals = _normals(len(means))
    total = scatter + errors
    precision = (1.0 / total).sum(axis=1, keepdims=True)
    centre = (means / total).sum(axis=1, keepdims=True) / precision
    centre = centre + normals[:, :1] / np.sqrt(precision)
    kept = scatter / total
    truths: _Array = centre + kept * (means - centre) + normals[:, 1:] * np.sqrt(kept * errors)
    return truths


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
