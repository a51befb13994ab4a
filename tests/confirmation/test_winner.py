"""Choose what is exported: as asked, as confirmed, or as searched."""

from pathlib import Path

import pytest

from harness.confirmation.result import result_file, write_result
from harness.confirmation.summary import make_plan, sum_up
from harness.confirmation.winner import choose
from harness.core.errors import StudyError
from harness.core.files import read_json, write_json
from harness.training.training_folder import TrainingFolder
from tests.confirmation.made import (
    TEST,
    finished,
    judged,
    make_study,
    outcomes_of,
    write_outcomes,
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "s", [1.2, 1.0, 1.1])


# The second candidate of the search wins. Its seed 0 is the best on the test split, its seed 1 on
# the validation split.
VALUES = {"0001": [(1.5, 1.6), (1.6, 1.5)], "0002": [(1.25, 1.1), (1.2, 1.3)]}


def confirm(study: Path, values=VALUES, *, top: int = 2, seeds: int = 2) -> None:
    plan = make_plan(study, top=top, seeds=seeds)
    outcomes = outcomes_of(plan, values)
    write_outcomes(plan, outcomes)
    write_result(study, sum_up(plan, outcomes, TEST))


def test_without_a_confirmation_the_search_decides(study: Path):
    choice = choose(study)
    assert choice.entry.name == "0001"
    assert "Nothing is confirmed" in choice.why


def test_the_confirmed_winners_best_seed_on_the_validation_split_is_taken(study: Path):
    confirm(study)
    choice = choose(study)
    assert choice.names == ("0002-s1", "0002")
    assert choice.entry.folder.path == study / "confirmation" / "0002-s1"
    assert choice.entry.outcome == finished(1.2, 1.3)
    # 1.1 and 1.3: mean 1.2, standard deviation 0.141421, half width 12.7062 * 0.1 = 1.271.
    assert "Trial 0002 is the confirmed winner: fid_cnn@1000 1.200 ±1.271" in choice.why
    assert "the best of 2 with probability 0.8" in choice.why
    assert "best score on the validation split" in choice.why


def test_a_winner_under_one_judge_only_is_handed_over_as_not_confirmed(study: Path):
    plan = make_plan(study, top=2, seeds=2)
    panel = {"0001": {"cnn": 1.5, "vgg": 1.1}, "0002": {"cnn": 1.2, "vgg": 1.3}}
    outcomes = judged(outcomes_of(plan, VALUES), panel)
    write_outcomes(plan, outcomes)
    write_result(study, sum_up(plan, outcomes, TEST))
    choice = choose(study)
    assert choice.trial == "0002"
    assert choice.why.startswith("Trial 0002 is not confirmed: it leads under cnn only: fid_cnn@")
    assert "the confirmed winner" not in choice.why


def test_what_was_compared_with_nothing_is_no_confirmed_winner(study: Path):
    confirm(study, {"0001": [(1.5, 1.6)]}, top=1, seeds=1)
    choice = choose(study)
    assert choice.names == ("0001-s0", "0001")
    assert choice.why == (
        "Trial 0001 alone was retrained: fid_cnn@1000 1.600 on the test split over 1 new seed, "
        "compared with no other."
    )


def test_one_seed_each_gives_no_probability(study: Path):
    confirm(study, {"0001": [(1.5, 1.6)], "0002": [(1.2, 1.3)]}, seeds=1)
    assert "over 1 new seed, the first of 2, with no probability known." in choose(study).why


def test_a_trial_that_was_asked_for_is_taken(study: Path):
    confirm(study)
    assert choose(study, 0).names == ("0000",)


def test_an_unfinished_confirmation_decides_nothing(study: Path):
    confirm(study, {"0002": [(1.2, 1.3)]})
    choice = choose(study)
    assert choice.entry.name == "0001"
    assert "The confirmation has not ended" in choice.why


def test_where_all_candidates_failed_the_search_decides(study: Path):
    confirm(study, {"0001": [None], "0002": [None]})
    choice = choose(study)
    assert choice.entry.name == "0001"
    assert "The confirmation found no winner" in choice.why


def test_a_better_trial_found_since_is_told(study: Path):
    confirm(study)
    late = TrainingFolder(study / "trials" / "0009")
    late.write_config(choose(study, 0).entry.config)
    late.write_outcome(finished(0.5))
    choice = choose(study)
    assert choice.entry.name == "0002-s1"
    assert "Trial 0009, which the search has found since, is not confirmed." in choice.why


def test_a_winner_whose_training_is_gone_is_one_message(study: Path):
    confirm(study)
    (study / "confirmation" / "0002-s1" / "outcome.json").unlink()
    assert result_file(study).exists()
    with pytest.raises(StudyError, match="the confirmed winner's training is gone"):
        choose(study)


@pytest.mark.parametrize(
    "named", ["../other/trials/0007", "/etc", "confirmation/../trials/0001", "confirmation", ""]
)
def test_a_result_names_no_folder_but_those_of_its_own_trainings(study: Path, named: str):
    confirm(study)
    make_study(study.parent / "other", [0.1] * 8)
    record = read_json(result_file(study))
    for candidate in record["candidates"]:
        for seed in candidate["seeds"]:
            seed["folder"] = named
    write_json(result_file(study), record)
    with pytest.raises(StudyError, match="the confirmed winner's training is gone"):
        choose(study)
