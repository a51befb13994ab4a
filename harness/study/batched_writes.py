"""Write what is set on trials in one transaction, with one statement for all rows of a kind.

Optuna asks for the trial, and writes, once for each parameter and attribute.
"""

import dataclasses
import json
from typing import Any, cast

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import (
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
)
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import TrialState


@dataclasses.dataclass
class HeldBack:
    """Hold what is to be written in one transaction, by trial and name."""

    params: dict[tuple[int, str], tuple[float, BaseDistribution]] = dataclasses.field(
        default_factory=dict
    )
    user_attrs: dict[tuple[int, str], Any] = dataclasses.field(default_factory=dict)
    system_attrs: dict[tuple[int, str], Any] = dataclasses.field(default_factory=dict)

    @property
    def trial_ids(self) -> set[int]:
        """Return the trials that it is about."""
        return {trial_id for trial_id, _ in (*self.params, *self.user_attrs, *self.system_attrs)}

    def write(self, backend: RDBStorage) -> None:
        """Write it, each kind with one statement for all that is new."""
        with _create_scoped_session(backend.scoped_session) as session:
            for trial_id in sorted(self.trial_ids):
                trial = TrialModel.find_or_raise_by_id(trial_id, session)
                backend.check_trial_is_updatable(trial_id, cast(TrialState, trial.state))
            session.add_all(
                TrialParamModel(
                    trial_id=trial_id,
                    param_name=name,
                    param_value=value,
                    distribution_json=distribution_to_json(distribution),
                )
                for (trial_id, name), (value, distribution) in self.params.items()
            )
            for model, attrs in (
                (TrialUserAttributeModel, self.user_attrs),
                (TrialSystemAttributeModel, self.system_attrs),
            ):
                known = _stored(session, model, self.trial_ids) if attrs else set()
                for (trial_id, key), value in attrs.items():
                    if (trial_id, key) in known:
                        backend._set_trial_attr_without_commit(
                            session, model, trial_id, key, value
                        )
                    else:
                        row = model(trial_id=trial_id, key=key, value_json=json.dumps(value))
                        session.add(row)


def _stored(session: Any, model: Any, trial_ids: set[int]) -> set[tuple[int, str]]:
    """Return which attributes some trials have."""
    rows = session.query(model.trial_id, model.key).filter(model.trial_id.in_(trial_ids))
    return {(row.trial_id, row.key) for row in rows}
