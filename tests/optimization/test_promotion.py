"""Decide by hand-worked rungs who is promoted, who waits and who is left behind."""

import optuna
import pytest
from optuna.trial import TrialState

from harness.optimization.promotion import Promotion, promote, promotion_for
from harness.optimization.samplers import visible_trials
from harness.space.settings import (
    CMAESSettings,
    PromotionSettings,
    SuccessiveHalvingSettings,
    promoted_share,
)
from harness.space.space import SearchSpace

RUNGS = (5, 25)
"""Where trials wait; the last rung would be 125."""


def study_of(*scores: dict[int, float]) -> optuna.Study:
    """Return a study with a running trial for each mapping of rungs to scores."""
    study = optuna.create_study()
    for values in scores:
        trial = study.ask()
        for kimg, value in values.items():
            trial.report(value, kimg)
            if kimg != list(values)[-1]:
                promote(trial, kimg)
    return study


def due(study: optuna.Study, saving: tuple[int, ...] = (), share: int = 3) -> int | None:
    found = Promotion(RUNGS, share).due(study.get_trials(), saving)
    return None if found is None else found.number


def hopeless(study: optuna.Study, to_come: int, share: int = 3) -> list[int]:
    found = Promotion(RUNGS, share).hopeless(study.get_trials(), to_come=to_come)
    return [trial.number for trial, _ in found]


def tell(study: optuna.Study, number: int, state: TrialState, value: float | None = None) -> None:
    study.tell(number, value, state=state)


def test_the_best_third_of_a_rung_is_due_best_first():
    # 2 // 3 = 0 and 3 // 3 = 1 of those that reached it.
    assert due(study_of({5: 1.0}, {5: 2.0})) is None
    assert due(study_of({5: 2.0}, {5: 1.0}, {5: 3.0})) == 1
    # 6 // 3 = 2: of the two best one has been promoted already, and counts at its rung.
    six = study_of({5: 1.0, 25: 0.9}, {5: 4.0}, {5: 3.0}, {5: 2.0}, {5: 5.0}, {5: 6.0})
    assert due(six) == 3
    assert due(six, saving=(3,)) is None, "a worker still saves it"


def test_the_highest_rung_comes_first():
    three = [{5: value, 25: value} for value in (3.0, 2.0, 1.0)]
    study = study_of(*three, {5: 0.5}, {5: 9.0}, {5: 9.0})
    assert due(study) == 2
    promote(optuna.Trial(study, 2), 25)
    # 6 // 3 = 2 of the first rung: 0.5 and 1.0, which was promoted.
    assert due(study) == 3


def test_equal_scores_are_taken_by_number():
    assert due(study_of({5: 1.0}, {5: 1.0}, {5: 1.0})) == 0


def test_what_was_found_faulty_at_a_rung_takes_no_place_there():
    study = study_of({5: 1.0}, {5: 2.0}, {5: 3.0})
    optuna.Trial(study, 0).set_constraint("collapsed", 1.0)
    tell(study, 0, TrialState.PRUNED)
    assert due(study) == 1


def test_what_was_promoted_and_failed_later_keeps_its_place():
    study = study_of({5: 1.0, 25: 1.0}, {5: 2.0}, {5: 3.0})
    optuna.Trial(study, 0).set_constraint("diverged", 1.0)
    tell(study, 0, TrialState.PRUNED)
    assert due(study) is None


def test_without_any_complete_trial_the_best_of_the_highest_rung_goes_on():
    promotion = Promotion(RUNGS, 5)
    study = study_of({5: 3.0, 25: 2.0}, {5: 1.0}, {5: 2.0, 25: 1.5})
    assert promotion.due(study.get_trials(), ()) is None
    assert promotion.last_resort(study.get_trials()).number == 2
    study.ask()  # trains, and may still be the one
    assert promotion.last_resort(study.get_trials()) is None
    tell(study, 3, TrialState.FAIL)
    assert promotion.last_resort(study.get_trials()).number == 2
    tell(study, 2, TrialState.COMPLETE, 1.0)
    assert promotion.last_resort(study.get_trials()) is None


def test_who_can_no_longer_be_promoted_is_left_behind():
    study = study_of(*({5: float(value)} for value in (1, 2, 3, 4, 5, 6)))
    tell(study, 0, TrialState.COMPLETE, 1.0)
    # With 6 to come, 12 // 3 = 4 places are left; with 3, 9 // 3 = 3; with none, 6 // 3 = 2.
    assert hopeless(study, 6) == [4, 5]
    assert hopeless(study, 3) == [3, 4, 5]
    assert hopeless(study, 0) == [2, 3, 4, 5]


def test_those_on_their_way_to_a_rung_count_as_if_they_were_there():
    study = study_of({5: 1.0, 25: 1.0}, {5: 2.0, 25: 2.0}, {5: 3.0}, {5: 4.0}, {5: 5.0}, {5: 6.0})
    tell(study, 0, TrialState.COMPLETE, 1.0)
    # At 25 kimg: 2 there and none on the way, 2 // 3 = 0 places.
    assert 1 in hopeless(study, 0)
    promote(optuna.Trial(study, 2), 5)
    # 2 there and one on the way, 3 // 3 = 1 place, which trial 0 has.
    assert 1 in hopeless(study, 0)
    # And 3 to come may all get there: 6 // 3 = 2 places.
    assert 1 not in hopeless(study, 3)


def test_while_none_is_complete_two_of_a_rung_stay():
    study = study_of(*({5: float(value)} for value in (1, 2, 3, 4)))
    assert hopeless(study, 0, share=5) == [2, 3]
    tell(study, 0, TrialState.COMPLETE, 1.0)
    assert hopeless(study, 0, share=5) == [1, 2, 3]


def test_the_share_is_that_of_the_rungs_where_none_is_given():
    assert promoted_share(PromotionSettings(reduction_factor=5), (5, 25, 125)) == 5
    assert promoted_share(PromotionSettings(), (6, 25, 125)) == 4
    assert promoted_share(PromotionSettings(), (4, 5)) == 2
    assert promoted_share(PromotionSettings(), (4,)) == 4


def test_with_another_pruner_no_trial_waits():
    space = SearchSpace.load("smoke")
    assert isinstance(space.pruner, SuccessiveHalvingSettings)
    promotion = promotion_for(space)
    trials = study_of({1: 1.0}, {1: 2.0}).get_trials()
    assert not any(map(promotion.waits, trials))
    assert promotion.due(trials, ()) is promotion.last_resort(trials) is None
    assert promotion.hopeless(trials, to_come=0) == []


@pytest.mark.parametrize("sampler", [None, CMAESSettings()])
def test_samplers_learn_from_trials_that_wait(sampler):
    space = SearchSpace.load("smoke").model_copy(update={"pruner": PromotionSettings()})
    if sampler:
        space = space.model_copy(update={"sampler": sampler})
    study = study_of({1: 3.0}, {})
    shown = visible_trials(space, study.get_trials())
    assert [trial.state for trial in shown] == [TrialState.PRUNED, TrialState.RUNNING]
    assert shown[0].intermediate_values == {1: 3.0}
    assert study.trials[0].state is TrialState.RUNNING, "the study itself is as it was"
    stopping = SearchSpace.load("smoke")
    assert visible_trials(stopping, study.get_trials())[0].state is TrialState.RUNNING
