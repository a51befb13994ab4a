"""Tell training from scoring and from what costs once, with seconds worked out by hand."""

import pytest

from harness.core.events import Event, Progressed, RungScored, Started
from harness.reporting.trials import read_pace
from tests.reporting.studies import score


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
