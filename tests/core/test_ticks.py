"""Choose ticks by hand-worked values."""

import pytest

from harness.core.ticks import linear_ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (32, 128, [40, 60, 80, 100, 120]),
    ],
)
def test_ticks_are_round_and_lie_within(low: float, high: float, ticks: list[float]):
    assert linear_ticks(low, high, 5) == ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 20, [0, 5, 10, 15, 20]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 0.7, [0, 0.2, 0.4, 0.6, 0.8]),
        (-30, 10, [-30, -20, -10, 0, 10]),
        (0, 1e-6, [0, 2e-07, 4e-07, 6e-07, 8e-07, 1e-06]),
    ],
)
def test_outward_ticks_span_the_values(low: float, high: float, expected: list[float]):
    found = linear_ticks(low, high, 6, outward=True)
    assert found[0] <= low
    assert found[-1] >= high
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("high", [0.003, 0.9, 7, 13.9, 555, 4.2e6])
def test_there_are_neither_few_nor_many_ticks(high: float):
    assert 4 <= len(linear_ticks(0, high, 6, outward=True)) <= 10
