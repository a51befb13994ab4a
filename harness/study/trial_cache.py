"""Keep a study's trials in memory, and read from its database only what it adds of its own.

Optuna reads every trial that has not ended at each look. A thousand of them hold 25,000
parameters, and one proposal takes a dozen looks.
"""

import contextlib
import copy
import json
from collections.abc import Container, Iterator, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage, _StudyInfo
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from harness.study.batched_writes import HeldBack
from harness.study.trial_index import TrialIndex


def written_at_once(study: Study) -> contextlib.AbstractContextManager[None]:
    """Let a block write its parameters and attributes of trials in one transaction at its end.

    Optuna gives each a transaction of its own, and a trial has two dozen of them. A crash within
    the block leaves what one before it leaves.

    Args:
        study: In a storage other than a `TrialCache`, Optuna's way stays.
    """
    storage = study._storage
    return storage.at_once() if isinstance(storage, TrialCache) else contextlib.nullcontext()


class TrialCache(_CachedStorage):
    """Hold the trials of one study as its database does; whatever is written goes to both.

    Args:
        backend: The database; nobody else writes to the study.
    """

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        self._index = TrialIndex()
        self._stale: set[int] = set()
        self._newest = -1
        self._holds_back = False
        self._held_back = HeldBack()

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Hold back what a block sets, and write it in one transaction; see `written_at_once`."""
        self._holds_back = True
        try:
            yield
            self._held_back.write(self._backend)
        except BaseException:
            self._stale |= self._held_back.trial_ids  # it never got there
            raise
        finally:
            self._holds_back = False
            self._held_back = HeldBack()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial here and there."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._stale.add(trial_id)
        return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Store a parameter here and there."""
        if self._holds_back:
            study_id, _ = self._trial_id_to_study_id_and_number[trial_id]
            known = self._studies[study_id].param_distribution
            previous = known.setdefault(param_name, distribution)
            check_distribution_compatibility(previous, distribution)
            self._held_back.params[trial_id, param_name] = param_value_internal, distribution
        else:
            super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        value = distribution.to_external_repr(param_value_internal)
        self._put(trial_id, "params", param_name, value)
        self._put(trial_id, "distributions", param_name, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Store a state; the database adds the time of its own, so it is read from there."""
        self._stale.add(trial_id)
        return super().set_trial_state_values(trial_id, state, values)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Store a report here and there."""
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        self._put(trial_id, "intermediate_values", step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store an attribute here and there."""
        if self._holds_back:
            self._held_back.user_attrs[trial_id, key] = value
        else:
            super().set_trial_user_attr(trial_id, key, value)
        self._put(trial_id, "user_attrs", key, json.loads(json.dumps(value)))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store an attribute here and there."""
        if self._holds_back:
            self._held_back.system_attrs[trial_id, key] = value
        else:
            super().set_trial_system_attr(trial_id, key, value)
        self._put(trial_id, "system_attrs", key, json.loads(json.dumps(value)))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial as the database has it now."""
        if trial_id not in self._stale:
            with self._lock:
                place = self._trial_id_to_study_id_and_number.get(trial_id)
                if place is not None:
                    return self._studies[place[0]].trials[place[1]]
        return super().get_trial(trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return trials by number, without sorting them or looking at each."""
        found = self.index(study_id).select(states)
        return copy.deepcopy(found) if deepcopy else found

    def index(self, study_id: int) -> TrialIndex:
        """Return the trials as they are now, in groups."""
        self._read_trials_from_remote_storage(study_id)
        return self._index

    def _add_trials_to_cache(self, study_id: int, trials: list[FrozenTrial]) -> None:
        super()._add_trials_to_cache(study_id, trials)
        for trial in trials:
            self._index.put(trial)

    def _put(self, trial_id: int, field: str, key: str | int, value: Any) -> None:
        """Note in memory what the database has taken; who holds the trial keeps it as it was."""
        with self._lock:
            place = self._trial_id_to_study_id_and_number.get(trial_id)
            if place is None:
                return
            trials = self._studies[place[0]].trials
            trial = copy.copy(trials[place[1]])
            setattr(trial, field, getattr(trial, field) | {key: value})
            trials[place[1]] = trial
            self._index.put(trial)

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        with self._lock:
            self._studies.setdefault(study_id, _StudyInfo())
            # What is held back stands in memory alone, and one proposal takes one look.
            if self._newest >= 0 and (not self._stale or self._holds_back):
                return
            trials = self._backend._get_trials(
                study_id,
                states=None,
                included_trial_ids=self._stale,
                trial_id_greater_than=self._newest,
            )
            self._stale = set()
            self._add_trials_to_cache(study_id, trials)
            for trial in trials:
                self._newest = max(self._newest, trial._trial_id)
