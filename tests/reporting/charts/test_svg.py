"""Map values to places by hand."""

import pytest

from harness.reporting.charts.svg import Scale, fit_scale, number_text


def test_a_linear_scale_divides_evenly():
    scale = Scale(0, 10, 100, 200, is_log=False)
    assert [scale(0), scale(5), scale(10)] == [100, 150, 200]


def test_a_logarithmic_scale_gives_equal_factors_equal_room():
    scale = Scale(1, 100, 300, 0, is_log=True)  # an axis that points up
    assert [scale(1), scale(10), scale(100)] == [300, 150, 0]


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0.9, 25, 8, [1, 2, 5, 10, 20]),
        (0.9, 25, 3, [1, 3, 10]),
        (1e-4, 0.01, 3, [1e-4, 1e-3, 1e-2]),
        (1e-4, 1e-3, 8, [1e-4, 2e-4, 5e-4, 1e-3]),
        (1.4, 6, 8, [2, 3, 4, 5, 6]),  # of round powers only 2 and 5
        (3.1, 3.9, 4, [3.2, 3.4, 3.6, 3.8]),  # no round power within: as if linear
    ],
)
def test_logarithmic_ticks_are_round(low: float, high: float, most: int, ticks: list[float]):
    assert Scale(low, high, 0, 1, is_log=True).ticks(most) == ticks


def test_all_values_fit_with_room_around():
    scale = fit_scale([1.0, 100.0], 0, 100, is_log=True, padding=0.1)
    # A tenth of two decades at both ends: 100 ** 0.1 = 1.585.
    assert scale.low == pytest.approx(1 / 1.585, rel=1e-3)
    assert scale.high == pytest.approx(158.5, rel=1e-3)


def test_values_below_zero_need_a_linear_scale():
    assert not fit_scale([-0.1, 2.0], 0, 1, is_log=True).is_log  # KID can be below zero


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_single_value_has_a_scale(value: float):
    scale = fit_scale([value], 0, 100, is_log=True)
    assert scale(value) == pytest.approx(50)


def test_numbers_are_short():
    assert [number_text(value) for value in (0.0003, 2.0, 128.0, 12345.0)] == [
        "0.0003",
        "2",
        "128",
        "12,345",
    ]
