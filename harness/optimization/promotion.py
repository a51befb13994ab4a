"""Decide which paused trials go on: asynchronous successive halving in its original form."""

import math
from collections.abc import Container, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from harness.space.settings import PromotionSettings, promoted_share
from harness.space.space import SearchSpace
from harness.study.optuna_trials import violates

_RESERVE = 2
"""So many paused trials a rung stay while none is complete: those that go on may yet fail."""


class Promotion:
    """The rule by which trials that wait at rungs are promoted.

    What is open in Optuna and has a score waits at the rung of that score, unless it is marked as
    promoted from there: then it trains, or was interrupted.

    Args:
        rungs_kimg: The rungs at which trials wait: all but the last; none where nothing pauses.
        share: One of so many that reached a rung goes on.

    References:
        Li et al. 2020, arXiv 1810.05934, algorithm 2.
    """

    def __init__(self, rungs_kimg: Sequence[int], share: int) -> None:
        self._rungs = tuple(rungs_kimg)
        self._share = share

    def waits(self, trial: FrozenTrial) -> bool:
        """Return whether a trial waits at a rung."""
        step = trial.last_step
        open_there = trial.state is TrialState.RUNNING and step in self._rungs
        return open_there and _mark(step) not in trial.user_attrs

    def due(self, trials: Sequence[FrozenTrial], saving: Container[int]) -> FrozenTrial | None:
        """Return the best trial that is due, from the highest rung down; None where none is.

        Args:
            trials: All trials of the study.
            saving: Numbers of trials that are still with a worker.
        """
        for rung in reversed(self._rungs):
            ranked = self._rank(trials, rung)
            for trial in ranked[: len(ranked) // self._share]:
                if self._waits_at(trial, rung) and trial.number not in saving:
                    return trial
        return None

    def last_resort(self, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
        """Return the best trial of the highest rung where none is due and none would be complete.

        Args:
            trials: All trials of the study.
        """
        if any(_is_complete(trial) or self._trains(trial) for trial in trials):
            return None
        for rung in reversed(self._rungs):
            for trial in self._rank(trials, rung):
                if self._waits_at(trial, rung):
                    return trial
        return None

    def hopeless(
        self, trials: Sequence[FrozenTrial], *, to_come: int
    ) -> list[tuple[FrozenTrial, str]]:
        """Return the trials that can no longer be promoted, each with its place at its rung.

        At a rung that n trials can reach in the end, nothing beyond place n / share is promoted:
        places only fall.

        Args:
            trials: All trials of the study.
            to_come: How many more the study will begin.
        """
        found = []
        reserve = 0 if any(map(_is_complete, trials)) else _RESERVE
        rising = to_come + sum(self._trains(trial) and not trial.last_step for trial in trials)
        for rung in self._rungs:
            ranked = self._rank(trials, rung)
            hopeful = (len(ranked) + rising) // self._share
            waiting = 0
            for place, trial in enumerate(ranked, start=1):
                if not self._waits_at(trial, rung):
                    rising += self._trains(trial) and trial.last_step == rung
                    continue
                waiting += 1
                if place <= hopeful:
                    rising += 1
                elif waiting > reserve:
                    found.append((trial, f"place {place} of {len(ranked)}"))
        return found

    def _rank(self, trials: Sequence[FrozenTrial], rung: int) -> list[FrozenTrial]:
        """Return all that reached a rung, best first; last those that were found faulty there."""

        def key(trial: FrozenTrial) -> tuple[float, int]:
            failed = trial.last_step == rung and violates(trial)
            return math.inf if failed else trial.intermediate_values[rung], trial.number

        return sorted((each for each in trials if rung in each.intermediate_values), key=key)

    def _waits_at(self, trial: FrozenTrial, rung: int) -> bool:
        return trial.last_step == rung and self.waits(trial)

    def _trains(self, trial: FrozenTrial) -> bool:
        return trial.state is TrialState.RUNNING and not self.waits(trial)


def promotion_for(space: SearchSpace) -> Promotion:
    """Return the rule of a search space; where it asks for another pruner, no trial waits."""
    if not isinstance(space.pruner, PromotionSettings):
        return Promotion((), 1)
    *early, last = space.budget.rungs_kimg
    return Promotion(early, promoted_share(space.pruner, (*early, last)))


def promote(trial: optuna.Trial, kimg: int | None) -> None:
    """Mark a trial as promoted from a rung."""
    trial.set_user_attr(_mark(kimg), True)


def _mark(kimg: int | None) -> str:
    return f"promoted:{kimg}"


def _is_complete(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.COMPLETE
