"""Tell a confirmation in sentences."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.display import confirmation_table
from harness.confirmation.confirmation_text import confirmation_lines
from harness.confirmation.summary import make_plan, sum_up
from tests.confirmation.made import TEST, judged, make_study, outcomes_of

VALUES = {
    "0001": [(1.2, 1.3), (1.4, 1.5), (1.3, 1.4)],
    "0002": [(1.15, 1.2), (1.25, 1.3), (1.2, 1.25)],
    "0000": [(9.0, 9.1), (9.1, 9.2)],
}


@pytest.fixture
def plan(tmp_path: Path):
    return make_plan(make_study(tmp_path / "s", [1.2, 1.0, 1.1]), top=3, seeds=3)


def test_the_sentences_say_winner_width_luck_lead_and_saving(plan):
    text = "\n".join(confirmation_lines(sum_up(plan, outcomes_of(plan, VALUES), TEST)))
    assert "Confirmed winner: trial 0002, 1.250 ±0.124 on the test split; the probability" in text
    assert "It was chosen by the validation split (again); the test split had no part" in text
    assert "By the test split alone" not in text
    assert "With 3 seeds the intervals are wide" in text
    # 1.3 - 1.0 = 0.3; the others' luck is 1.2 - 1.1 = 0.1 and 9.05 - 1.2 = 7.85, their mean 2.75.
    # 1.2, 1.4, 1.3 have a standard deviation of 0.1, hence a half width of 0.248: 1.0 is outside.
    assert "trial 0001, 1.000; new seeds give 1.300 ±0.248 by the same protocol: 0.300 of" in text
    assert "cannot tell that from nothing" not in text
    assert "Over all 3 candidates: +2.750 on average." in text
    # It led by 1.1 - 1.0; now it is behind by 1.3 - 1.2.
    assert "Its lead over trial 0002 was 0.100 in the search and is -0.100 on new seeds." in text
    assert "The race saved 1 of 9 trainings." in text


# What three judges say of each seed. Of trial 0000, which is out, only the third thinks highly.
PANEL = {
    "0002": {"cnn": 1.1, "vgg": 1.3, "turns": 1.25},
    "0001": {"cnn": 1.2, "vgg": 1.4, "turns": 1.35},
    "0000": {"cnn": 9.0, "vgg": 9.0, "turns": 1.2},
}


@pytest.mark.parametrize(
    ("vgg", "doubt"),
    [
        (1.4, ""),  # 0002 is the lowest by cnn and vgg
        (1.3, ""),  # of equals, both are
        (1.29, "not confirmed: it leads under cnn only"),
    ],
)
def test_a_winner_that_leads_under_one_judge_only_is_not_confirmed(plan, vgg, doubt):
    panel = PANEL | {"0001": PANEL["0001"] | {"vgg": vgg}}
    result = sum_up(plan, judged(outcomes_of(plan, VALUES), panel), TEST)
    assert result.winner == "0002"
    assert result.doubt == doubt
    assert result.to_dict()["leads_under"] == {"cnn": True, "vgg": not doubt, "turns": False}
    first, *judges = confirmation_lines(result)[:4]
    assert first.startswith(f"First is trial 0002, {doubt}" if doubt else "Confirmed winner: tri")
    assert judges == [
        "By cnn (again): 1.100 trial 0002, 1.200 trial 0001, 9.000 trial 0000.",
        f"By vgg (again): 1.300 trial 0002, {vgg:.3f} trial 0001, 9.000 trial 0000.",
        "By turns (again): 1.250 trial 0002, 1.350 trial 0001, 1.200 trial 0000.",
    ]


def test_a_winner_that_leads_under_no_judge_is_not_confirmed(plan):
    # The geometric mean of a panel can be the lowest where neither member is.
    panel = PANEL | {"0001": {"cnn": 1.0, "vgg": 1.2, "turns": 1.3}}
    result = sum_up(plan, judged(outcomes_of(plan, VALUES), panel), TEST)
    assert result.doubt == "not confirmed: it leads under no judge"


def test_one_judge_alone_or_no_other_candidate_leaves_no_doubt(plan, tmp_path: Path):
    outcomes = outcomes_of(plan, VALUES)
    one = judged(outcomes, {trial: {"cnn": PANEL[trial]["turns"]} for trial in VALUES})
    assert sum_up(plan, one, TEST).doubt == sum_up(plan, outcomes, TEST).doubt == ""
    alone = make_plan(make_study(tmp_path / "a", [1.2, 1.0]), top=1, seeds=1)
    only = judged(outcomes_of(alone, {"0001": [(1.2, 1.3)]}), PANEL)
    assert sum_up(alone, only, TEST).doubt == ""


def test_a_test_split_that_would_have_chosen_another_is_named(plan):
    values = VALUES | {"0001": [(1.2, 1.1), (1.4, 1.2), (1.3, 1.15)]}
    text = confirmation_lines(sum_up(plan, outcomes_of(plan, values), TEST))[0]
    assert "trial 0002, 1.250 ±0.124 on the test split" in text
    assert text.endswith("By the test split alone it would be trial 0001, 1.150 ±0.124.")


def test_a_winner_of_an_older_version_is_said_to_be_chosen_by_its_judge(plan):
    result = sum_up(plan, outcomes_of(plan, VALUES), TEST)
    line = confirmation_lines(dataclasses.replace(result, schema_version=1))[0]
    assert line.endswith("by the validation split. It trains nothing twice.")
    assert "no part in it" not in line


def test_luck_that_the_seeds_cannot_show_is_called_so(plan):
    # 0.9, 1.2: mean 1.05, standard deviation 0.2121, half width 12.7062 * 0.15 = 1.906.
    outcomes = outcomes_of(plan, {"0001": [(0.9, 1.0), (1.2, 1.3)]})
    text = "\n".join(confirmation_lines(sum_up(plan, outcomes, TEST)))
    assert "new seeds give 1.050 ±1.906" in text
    assert "So few seeds cannot tell that from nothing." in text


def test_an_unfinished_one_and_one_without_a_winner_say_so(plan):
    (line,) = confirmation_lines(sum_up(plan, {}, TEST))
    assert line == "The confirmation has not ended; the same command goes on from here."
    failed = outcomes_of(plan, {"0000": [None], "0001": [None], "0002": [None]})
    assert "there is no winner" in confirmation_lines(sum_up(plan, failed, TEST))[0]


def test_what_was_compared_with_nothing_is_called_so(tmp_path: Path):
    alone = make_plan(make_study(tmp_path / "s", [1.2, 1.0]), top=1, seeds=2)
    result = sum_up(alone, outcomes_of(alone, {"0001": [(1.2, 1.3), (1.4, 1.5)]}), TEST)
    line = confirmation_lines(result)[0]
    assert line.startswith("Trial 0001 alone was retrained: 1.400 ±1.271. Nothing was compared, ")
    assert result.candidates[0].probability_best is None


def test_one_seed_each_tells_a_winner_and_nothing_of_how_sure_it_is(tmp_path: Path):
    once = make_plan(make_study(tmp_path / "s", [1.2, 1.0]), top=2, seeds=1)
    result = sum_up(once, outcomes_of(once, {"0001": [(1.2, 1.3)], "0000": [(1.4, 1.5)]}), TEST)
    line = confirmation_lines(result)[0]
    assert line.startswith(
        "Confirmed winner: trial 0001, 1.300 on the test split, by one seed each. How sure "
    )


def test_the_table_has_a_row_a_candidate(plan):
    console = Console(width=120, record=True, file=io.StringIO())
    values = VALUES | {"0002": [(1.0, 1.1), None]}
    console.print(confirmation_table(sum_up(plan, outcomes_of(plan, values), TEST)))
    text = console.export_text()
    assert "fid_cnn@1000 on images/test (lower is better, ± 95 %)" in text
    rows = [line for line in text.splitlines() if line.strip().startswith("000")]
    assert len(rows) == 3
    assert "2, 1 failed" in next(row for row in rows if "0002" in row)
