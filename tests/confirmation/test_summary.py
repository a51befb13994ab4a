"""Sum up outcomes whose arithmetic is done by hand."""

import dataclasses
from pathlib import Path

import pytest

from harness.confirmation.summary import make_plan, sum_up
from harness.core.errors import ProtocolMismatchError
from harness.training.training_folder import TrainingFolder
from tests.confirmation.made import TEST, finished, make_study, outcomes_of, score, write_outcomes

VALUES = {
    "0001": [(1.2, 1.3), (1.4, 1.5), (1.3, 1.4)],
    "0002": [(1.15, 1.2), (1.25, 1.3), (1.2, 1.25)],
    "0000": [(9.0, 9.1), (9.1, 9.2)],
}


@pytest.fixture
def plan(tmp_path: Path):
    return make_plan(make_study(tmp_path / "s", [1.2, 1.0, 1.1]), top=3, seeds=3)


def test_means_intervals_luck_and_order(plan):
    result = sum_up(plan, outcomes_of(plan, VALUES), TEST)
    assert result.complete
    assert result.winner == "0002"
    assert [each.trial for each in result.candidates] == ["0002", "0001", "0000"]
    best, leader, last = result.candidates
    # 1.2, 1.3, 1.25: mean 1.25, standard deviation 0.05, half width 2.484138 * 0.05 = 0.124207.
    assert best.mean == pytest.approx(1.25)
    assert best.interval == pytest.approx((1.125793, 1.374207), abs=1e-6)
    assert best.text == "1.250 ±0.124"
    # The search said 1.0 and 1.1; the same split gives 1.3 and 1.2 on new seeds.
    assert (leader.search.value, leader.validation_mean) == (1.0, pytest.approx(1.3))
    assert leader.luck == pytest.approx(0.3)
    assert best.luck == pytest.approx(0.1)
    assert (best.out_after, leader.out_after, last.out_after) == (None, None, 2)
    assert len(last.seeds) == 2
    total = sum(each.probability_best for each in result.candidates)
    assert total == pytest.approx(1.0)
    assert best.probability_best > leader.probability_best > last.probability_best
    assert best.seeds[1].name == "0002-s1"
    assert best.seeds[1].folder == "confirmation/0002-s1"


def test_the_test_split_has_no_part_in_the_choice(plan):
    # By the validation split 0002 leads by 1.2 to 1.3, by the test split 0001 by 1.0 to 1.25.
    values = VALUES | {"0001": [(1.2, 0.9), (1.4, 1.1), (1.3, 1.0)]}
    result, before = (sum_up(plan, outcomes_of(plan, each), TEST) for each in (values, VALUES))
    assert result.winner == "0002"
    assert [each.trial for each in result.candidates] == ["0002", "0001", "0000"]
    assert result.candidates[1].mean == pytest.approx(1.0)
    chances = [each.probability_best for each in result.candidates]
    assert chances == [each.probability_best for each in before.candidates]


def test_who_asks_for_less_than_before_loses_nothing(plan):
    write_outcomes(plan, outcomes_of(plan, VALUES))
    before = sum_up(plan, outcomes_of(plan, VALUES), TEST)
    less = make_plan(plan.study_folder, top=1, seeds=1)
    assert sum_up(less, outcomes_of(less, VALUES), TEST) == before
    assert less.note == (
        "Retrained before, and kept in the result beside --top 1 --seeds 1: so it is about 3 "
        "candidates with up to 3 seeds each."
    )
    assert make_plan(plan.study_folder, top=3, seeds=3).note == ""
    # What was only begun is not owed to anybody.
    (plan.study_folder / "confirmation" / "0000-s0" / "outcome.json").unlink()
    (plan.study_folder / "confirmation" / "0000-s1" / "outcome.json").unlink()
    less = make_plan(plan.study_folder, top=1, seeds=1)
    assert [entry.name for entry in less.candidates] == ["0001", "0002"]
    # A leader that has been overtaken since stays.
    late = TrainingFolder(plan.study_folder / "trials" / "0009")
    late.write_config(plan.candidates[0].config)
    late.write_outcome(finished(0.5))
    less = make_plan(plan.study_folder, top=1, seeds=1)
    assert [entry.name for entry in less.candidates] == ["0009", "0001", "0002"]


def test_an_unfinished_confirmation_has_no_winner(plan):
    result = sum_up(plan, outcomes_of(plan, {"0001": [(1.2, 1.3)]}), TEST)
    assert not result.complete
    assert result.winner is None
    first, second, _ = result.candidates
    assert (first.trial, first.mean, first.interval) == ("0001", 1.3, None)
    assert first.probability_best is None
    assert (second.mean, second.luck, second.text) == (None, None, "-")


def test_a_candidate_that_failed_once_comes_behind_and_is_never_the_best(plan):
    more = [*VALUES["0000"], (9.05, 9.15)]
    values = VALUES | {"0002": [(1.15, 1.2), None], "0000": more}
    result = sum_up(plan, outcomes_of(plan, values), TEST)
    assert result.winner == "0001"
    failed = next(each for each in result.candidates if each.trial == "0002")
    assert (failed.failed, failed.out_after, failed.probability_best) == (1, 2, 0.0)
    assert failed.mean == pytest.approx(1.2)


def test_scores_of_another_protocol_than_the_searchs_tell_no_luck(plan):
    stranger = dataclasses.replace(finished(1.0, 1.0), final=score(1.0, TEST))
    with pytest.raises(
        ProtocolMismatchError, match=r"reference: images/validation \| images/test"
    ):
        sum_up(plan, {("0001", 0): stranger}, TEST)
