"""Choose candidates and name their trainings."""

import math
from pathlib import Path

import pytest

from harness.confirmation.candidates import choose_candidates, race_values, retrainings
from harness.confirmation.summary import make_plan
from harness.core.errors import ConfigError, StudyError
from harness.core.seeds import derive_seed
from tests.confirmation.made import (
    RECORD,
    TEST,
    VALIDATION,
    finished,
    make_study,
    outcomes_of,
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "s", [1.2, 1.0, 1.1])


def test_the_best_completed_trials_are_the_candidates(study: Path):
    assert [entry.name for entry in choose_candidates(study, 2)] == ["0001", "0002"]
    assert [entry.name for entry in choose_candidates(study, 9)] == ["0001", "0002", "0000"]


def test_baselines_are_no_candidates(study: Path):
    (study / "trials" / "0001").rename(study / "baselines_0001")
    (study / "baselines").mkdir()
    (study / "baselines_0001").rename(study / "baselines" / "mlp_cgan")
    assert [entry.name for entry in choose_candidates(study, 9)] == ["0002", "0000"]


def test_what_cannot_be_chosen_is_refused(study: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"--top: expected at least 1; received 0"):
        choose_candidates(study, 0)
    with pytest.raises(ConfigError, match=r"--seeds: expected at least 1; received 0"):
        retrainings(study, RECORD, choose_candidates(study, 1), seeds=0)
    empty = make_study(tmp_path / "empty", [])
    with pytest.raises(StudyError, match=r"no trial has completed yet \(1 ended\)"):
        choose_candidates(empty, 1)


def test_seeds_are_new_and_stay_when_more_are_asked_for(study: Path):
    few, more = make_plan(study, top=1, seeds=2).planned, make_plan(study, top=3, seeds=3).planned
    assert [each.name for each in few] == ["0001-s0", "0001-s1"]
    assert few[0].config.seed == derive_seed(7, 1, "confirm", 0)
    assert more[:2] == few
    assert len({each.config.seed for each in more} | {0, 1, 2}) == 9 + 3
    unseeded = {each.config.model_copy(update={"seed": 0}) for each in few}
    assert unseeded == {choose_candidates(study, 1)[0].config.model_copy(update={"seed": 0})}
    assert few[1].folder.path == study / "confirmation" / "0001-s1"


def test_a_race_sees_validation_scores_of_what_is_scored_on_the_test_split(study: Path):
    plan = make_plan(study, top=2, seeds=2)
    outcomes = {**outcomes_of(plan, {"0001": [(1.0, 1.5), None]}), ("0002", 1): finished(1.0)}
    values = race_values(plan.planned, outcomes, TEST)
    assert values == {"0001": [1.0, math.inf], "0002": [None, None]}
    assert race_values(plan.planned, outcomes, VALIDATION)["0001"] == [None, math.inf]
