"""Show a sampler the trials that it is to learn from, and no others."""

import copy
import types
from collections.abc import Container
from typing import Any, cast

from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from harness.study.trial_cache import TrialCache
from harness.study.trial_index import TrialIndex

MOST_OTHERS = 500
"""So many ended trials beside the best ones show TPE where bad ones lie.

TPE compares two densities: of the best trials, 25 at most, and of all others. Five hundred draw
the second as well as thousands, and a proposal takes time in proportion to them; measured by
benchmarks/scale_proposals.py.
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


def index_of(study: Study) -> TrialIndex:
    """Return a study's trials in groups, as they are now."""
    if isinstance(study._storage, TrialCache):
        return study._storage.index(study._study_id)
    return TrialIndex(study.get_trials(deepcopy=False))


def thin_out(study: Study) -> list[FrozenTrial]:
    """Return what TPE is to learn from: all of some trials, or of thousands a part, by number.

    All that run stay, and the best as TPE ranks them. The others are thinned out evenly by number,
    so that early and late ones keep their weights against each other.

    Args:
        study: Where they are from; it minimises.
    """
    index = index_of(study)
    count = default_gamma(len(index.ended))
    if len(index.ended) - count <= MOST_OTHERS:
        return list(index.all.trials)
    # None that is complete violates a constraint, and TPE ranks those before all others.
    good = set(index.best(count))
    if len(good) < count:
        best, _ = _split_trials(study, index.ended.trials, count)
        good = {each.number for each in best}
    others = [number for number in index.ended.numbers if number not in good]
    some = {others[place * len(others) // MOST_OTHERS] for place in range(MOST_OTHERS)}
    shown = good | some | set(index.of(TrialState.RUNNING).numbers)
    return index.pick(sorted(shown))


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
