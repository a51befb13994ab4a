"""Show a sampler the trials that it is to learn from, and no others."""

import copy
import types
from collections.abc import Container
from typing import Any, cast

from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""In these states a trial tells a sampler something."""

MOST_OTHERS = 500
"""So many ended trials beside the best ones show TPE where bad ones lie.

TPE compares two densities: of the best trials, 25 at most, and of all others. Five hundred draw
the second as well as thousands, and a proposal takes time in proportion to them; measured by
tests/benchmarks/scale_proposals.py.
"""


def showing(study: Study, trials: list[FrozenTrial]) -> Study:
    """Return a study that seems to hold some trials only; what is written goes to the real one.

    Args:
        study: The real one.
        trials: Some of its trials, by number.
    """
    shown = copy.copy(study)
    shown._storage = cast(BaseStorage, _Window(study._storage, trials))
    shown._thread_local = cast(Any, types.SimpleNamespace(cached_all_trials=trials))
    return shown


def thin_out(study: Study, trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return what TPE is to learn from: all of some trials, or of thousands a part.

    All that run stay, and the best as TPE ranks them. The others are thinned out evenly by number,
    so that early and late ones keep their weights against each other.

    Args:
        study: Where they are from.
        trials: All of its trials, by number.
    """
    ended = [each for each in trials if each.state in ENDED]
    count = default_gamma(len(ended))
    if len(ended) - count <= MOST_OTHERS:
        return trials
    complete = [each for each in ended if each.state is TrialState.COMPLETE]
    # None that is complete violates a constraint, and TPE ranks those before all others.
    best, _ = _split_trials(study, complete if len(complete) >= count else ended, count)
    good = {each.number for each in best}
    others = [each for each in ended if each.number not in good]
    some = [others[place * len(others) // MOST_OTHERS] for place in range(MOST_OTHERS)]
    running = [each for each in trials if each.state is TrialState.RUNNING]
    return sorted([*best, *some, *running], key=lambda each: each.number)


class _Window:
    """Stand in for a storage whose trials are some of its own.

    Args:
        storage: What everything else is asked of.
        trials: What it seems to hold.
    """

    def __init__(self, storage: BaseStorage, trials: list[FrozenTrial]) -> None:
        self._storage = storage
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        found = [each for each in self._trials if states is None or each.state in states]
        return copy.deepcopy(found) if deepcopy else found
