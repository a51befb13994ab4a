"""Draw losses so that both lines and every label can be read from the pixels."""

import math

import numpy as np
import pytest

from harness.training.loss_log import Losses
from harness.training.loss_plot import draw_losses

BLUE, ORANGE = (0, 92, 175), (208, 84, 18)


def curve(*pairs: tuple[float, float]) -> list[Losses]:
    return [Losses(i, d, g, 0.5) for i, (d, g) in enumerate(pairs, start=1)]


def rows_of(points: list[Losses], colour: tuple[int, int, int]) -> np.ndarray:
    """Return the rows, below the legend, that hold a colour."""
    pixels = np.asarray(draw_losses(points, title="losses", unit="epoch")).astype(int)
    close = np.abs(pixels - colour).sum(axis=2) < 30
    return np.flatnonzero(close[70:].any(axis=1)) + 70


def test_a_higher_loss_is_drawn_higher():
    points = curve((3.0, 1.0), (3.0, 1.0), (3.0, 1.0))
    assert rows_of(points, BLUE).max() < rows_of(points, ORANGE).min()
    # Between the gridlines for 3 and for 1 lie two thirds of the axis.
    distance = np.median(rows_of(points, ORANGE)) - np.median(rows_of(points, BLUE))
    assert distance == pytest.approx((560 - 76 - 78) * 2 / 3, abs=4)


def test_values_that_are_not_finite_are_left_out():
    points = curve((1.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (1.0, 1.0))
    assert draw_losses(points, title="losses", unit="kimg").size == (900, 560)


def test_the_axis_names_its_unit():
    pixels = [
        np.asarray(draw_losses(curve((1, 1), (1, 1)), title="losses", unit=unit))
        for unit in ("epoch", "batch")
    ]
    changed = np.flatnonzero((pixels[0] != pixels[1]).any(axis=(1, 2)))
    assert changed.size
    assert changed.min() > 560 - 76
