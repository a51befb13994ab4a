"""Read how single trainings went."""

import json
from pathlib import Path

import pytest

from harness.core.events import Event, Progressed, RungScored, Started
from harness.reporting.report_data import ReportData, read_report
from harness.reporting.trials import TrialData, read_pace
from tests.reporting.studies import add_training, make_study, score


def find(data: ReportData, name: str) -> TrialData:
    return next(trial for trial in data.trials if trial.name == name)


def test_a_trial_holds_its_rungs_with_their_grids(data: ReportData):
    trial = find(data, "0001")
    assert [(rung.kimg, rung.value, rung.seconds) for rung in trial.rungs] == [
        (8, 4.0, 16.0),  # at two seconds a kimg
        (32, 1.0, 64.0),
    ]
    assert [rung.grid.name for rung in trial.rungs] == ["kimg_000008.png", "kimg_000032.png"]
    assert trial.best_rung.kimg == 32
    assert trial.best_value == 1.0
    assert trial.config["loss.name"] == "non_saturating"


def test_a_pruned_trial_ends_where_it_was_cut(data: ReportData):
    trial = find(data, "0002")
    assert [rung.kimg for rung in trial.rungs] == [8]
    assert (trial.state, trial.reason, trial.kimg) == ("pruned", "outranked", 8.0)


def test_a_trial_that_died_before_its_first_rung_has_no_score(data: ReportData):
    trial = find(data, "0003")
    assert trial.best_value is None
    assert trial.best_rung is None


def test_a_running_trial_tells_how_far_it_is(data: ReportData):
    trial = find(data, "0004")
    assert (trial.state, trial.kimg, trial.seconds, trial.best_value) == ("running", 8.0, 8.0, 6.0)


def test_a_lost_grid_leaves_the_score(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    training = add_training(folder / "trials" / "0000", [5.0, 2.0], None)
    training.grid_file(32).unlink()
    trial = read_report(folder).trials[0]
    assert [rung.grid is None for rung in trial.rungs] == [False, True]
    assert trial.best_rung.kimg == 8  # a picture is worth more than the last score


def test_a_grid_outside_the_training_is_not_shown(tmp_path: Path):
    folder = make_study(tmp_path / "small")
    training = add_training(folder / "trials" / "0000", [5.0], None)
    (folder / "secret.png").write_bytes(training.grid_file(8).read_bytes())
    history = training.path / "history.jsonl"
    *others, last = history.read_text().splitlines()
    record = json.loads(last) | {"grid": "../../secret.png"}
    history.write_text("\n".join([*others, json.dumps(record)]) + "\n")
    assert read_report(folder).trials[0].rungs[0].grid is None


def progressed(kimg: float, images_per_second: float, clock: float) -> Progressed:
    return Progressed(kimg, 0.1, 0.2, 0.5, 0.5, images_per_second, clock)


def scored(kimg: float, rung: int, clock: float) -> RungScored:
    return RungScored(kimg, rung, score(2.0, kimg), score(2.0, kimg), "grid.png", clock)


HISTORY: list[Event] = [
    Started(0.0, 1, 1),
    progressed(1.0, 100.0, 10.0),  # 1 kimg at 100 a second: 10 s, nearly all of it compiling
    progressed(5.0, 2000.0, 12.0),  # 4 kimg: 2 s
    scored(5.0, 0, 42.0),  # 30 s: it compiles as well
    progressed(9.0, 2000.0, 47.0),  # 4 kimg: 2 s of the 5; the rest was saving
    scored(9.0, 1, 51.0),  # 4 s
]


def test_what_costs_once_is_no_measure_of_what_would_follow():
    pace = read_pace(HISTORY)
    assert pace.training_seconds == pytest.approx(10 + 2 + 2)
    assert pace.seconds_per_kimg == pytest.approx(4 / 8)
    assert pace.seconds_per_score == pytest.approx(4)


def test_after_an_interruption_all_is_compiled_anew():
    pace = read_pace([*HISTORY, Started(9.0, 1, 1), progressed(10.0, 50.0, 75.0)])
    assert pace.training_seconds == pytest.approx(14 + 20)
    assert pace.seconds_per_kimg == pytest.approx(4 / 8)


def test_a_training_that_only_began_tells_no_pace():
    assert read_pace([]).seconds_per_kimg is None
    pace = read_pace(HISTORY[:2])
    assert (pace.seconds_per_kimg, pace.seconds_per_score) == (None, None)
