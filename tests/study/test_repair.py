"""Rebuild a study's trials in Optuna from what their folders hold."""

from pathlib import Path

import pytest
from optuna.trial import TrialState

from harness.core.errors import StudyError
from harness.core.outcome import Outcome, Reason
from harness.core.seeds import derive_seed
from harness.optimization.samplers import first_configs
from harness.space.space import SearchSpace
from harness.study.record import StudyRecord
from harness.study.repair import StoredStudy
from harness.study.trial_storage import open_read_only
from tests.support.endings import GOOD, SPACE

RECORD = StudyRecord(
    id="i", name="s", seed=0, dataset="fashion_mnist", protocol={}, created="2026-01-01"
)


def space_with(batch_size: object) -> SearchSpace:
    fixed = SPACE["parameters"] | {name: {"value": value} for name, value in GOOD.items()}
    parameters = fixed | {"batch_size": batch_size}
    return SearchSpace.from_dict(SPACE | {"parameters": parameters}, source="here")


@pytest.mark.parametrize(
    ("batch_size", "overrides"),
    [({"choices": [16, 32]}, None), ({"choices": [32, 64]}, {"batch_size": 16})],
)
def test_a_retry_is_known_again_with_its_batch_in_the_space_or_not(
    tmp_path: Path, batch_size: object, overrides: dict[str, int] | None
):
    space = space_with(batch_size)
    (first,) = first_configs(space, seed=0, count=1, queued=[{"batch_size": 32}])
    seed = derive_seed(RECORD.seed, 1, "training")
    half = first.model_copy(update={"batch_size": 16, "seed": seed})
    with StoredStudy(tmp_path, RECORD, space) as stored:
        assert stored.trials() == []
        outcome = Outcome(Reason.OUT_OF_MEMORY, superseded_by="0001")
        stored.add(0, first, outcome, [])
        stored.add(1, half, None, [], retried=(0, first))
    with StoredStudy(tmp_path, RECORD, space) as stored:
        old, retry = stored.trials()
    assert (old.finished, old.outcome) == (True, outcome)
    assert (retry.finished, retry.queued, retry.outcome) == (False, False, None)
    assert retry.config is not None
    assert retry.config.batch_size == 16
    _, kept = open_read_only(tmp_path).get_trials()
    assert kept.state is TrialState.RUNNING
    assert kept.user_attrs.get("retry_of") == 0
    assert kept.user_attrs.get("overrides") == overrides


def test_a_trial_gets_its_own_number_or_none(tmp_path: Path):
    space = space_with({"value": 32})
    (config,) = first_configs(space, seed=0, count=1)
    with StoredStudy(tmp_path, RECORD, space) as stored:
        with pytest.raises(StudyError, match="trial 0000 before it is missing"):
            stored.add(1, config, None, [])
        assert stored.trials() == []
