"""Keep a study's trials in the groups that every proposal asks for, as they change.

Going over thousands of trials takes milliseconds, and a proposal asked a dozen times.
"""

import bisect
from collections.abc import Container, Iterable

from optuna.trial import FrozenTrial, TrialState

from harness.study.storage import SUPERSEDED_BY

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""In these states a trial tells a sampler something."""


class Group:
    """Hold trials by number.

    Attributes:
        numbers: Their numbers, in order.
        trials: The trials, in the same order.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.trials: list[FrozenTrial] = []

    def __len__(self) -> int:
        return len(self.numbers)

    def get(self, number: int) -> FrozenTrial:
        """Return the trial of a number."""
        return self.trials[self._place(number)]

    def put(self, trial: FrozenTrial) -> None:
        """Take a trial in, in the place of what it was before."""
        place = self._place(trial.number)
        if self.numbers[place : place + 1] == [trial.number]:
            self.trials[place] = trial
        else:
            self.numbers.insert(place, trial.number)
            self.trials.insert(place, trial)

    def remove(self, number: int) -> None:
        """Let a trial go."""
        place = self._place(number)
        del self.numbers[place], self.trials[place]

    def _place(self, number: int) -> int:
        return bisect.bisect_left(self.numbers, number)


class TrialIndex:
    """Answer what is asked about all trials without going over them.

    What it returns may be its own, and changes with the next trial: copy what is kept.

    Args:
        trials: What it holds at first.

    Attributes:
        all: All trials.
        ended: Those that tell a sampler something.
    """

    def __init__(self, trials: Iterable[FrozenTrial] = ()) -> None:
        self.all = Group()
        self.ended = Group()
        self._groups = {state: Group() for state in TrialState}
        self._states: dict[int, TrialState] = {}
        self._ranking: list[tuple[float, int]] = []
        self._kinds: dict[tuple[str, ...], FrozenTrial] = {}
        self._superseded: set[int] = set()
        for trial in trials:
            self.put(trial)

    def put(self, trial: FrozenTrial) -> None:
        """Take a trial in, in the place of what it was before."""
        before = self._states.get(trial.number)
        if before is not None and before is not trial.state:
            self._groups[before].remove(trial.number)
        self._states[trial.number] = trial.state
        self.all.put(trial)
        self._groups[trial.state].put(trial)
        if trial.state in ENDED:
            self.ended.put(trial)
        if trial.state.is_finished() and before is not trial.state:
            self._end(trial)

    def of(self, state: TrialState) -> Group:
        """Return the trials in a state."""
        return self._groups[state]

    def select(self, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """Return a list of the trials in some states, by number; None for all."""
        wanted = [state for state in TrialState if states is None or state in states]
        if len(wanted) == len(TrialState):
            return list(self.all.trials)
        if len(wanted) == 1:
            return list(self._groups[wanted[0]].trials)
        if set(wanted) == set(ENDED):
            return list(self.ended.trials)
        return [trial for trial in self.all.trials if trial.state in wanted]

    def pick(self, numbers: Iterable[int]) -> list[FrozenTrial]:
        """Return the trials of some numbers."""
        return [self.all.get(number) for number in numbers]

    @property
    def count_ended(self) -> int:
        """Return how many trials have ended; one that another supersedes does not count."""
        finished = (len(self._groups[state]) for state in TrialState if state.is_finished())
        return sum(finished) - len(self._superseded)

    def best(self, count: int) -> list[int]:
        """Return the numbers of the complete trials with the lowest values, the best first."""
        return [number for _, number in self._ranking[:count]]

    def kinds(self) -> list[FrozenTrial]:
        """Return the first ended trial of each set of parameters, by number."""
        return sorted(self._kinds.values(), key=lambda trial: trial.number)

    def _end(self, trial: FrozenTrial) -> None:
        if SUPERSEDED_BY in trial.user_attrs:
            self._superseded.add(trial.number)
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            bisect.insort(self._ranking, (trial.value, trial.number))
        if trial.state in ENDED:
            names = tuple(trial.distributions)
            first = self._kinds.setdefault(names, trial)
            if trial.number < first.number:
                self._kinds[names] = trial
