"""Spend seeds where they matter: a candidate that is clearly out gets no more.

What a race decides is a function of the values alone, round by round, so neither the number of
workers nor an interruption changes it, and nothing about it has to be stored.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from harness.confirmation.statistics import probability_best

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
