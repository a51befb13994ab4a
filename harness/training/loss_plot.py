"""Draw the losses of a training as a picture, with Pillow alone."""

import itertools
import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw, ImageFont

from harness.core.ticks import linear_ticks
from harness.training.loss_log import Losses

_SIZE = (900, 560)
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 30, 78, 76
# Drawn larger and shrunk: Pillow's lines are not smooth by themselves.
_SCALE = 3
_INK, _SOFT, _GRID = (34, 40, 49), (104, 112, 124), (228, 231, 236)
_COLOURS = {"discriminator": (0, 92, 175), "generator": (208, 84, 18)}
_STEPS = 6
_MOST_MARKED = 40
"""Lines of more points are drawn without a mark at each."""

Point = tuple[float, float]


def draw_losses(points: Sequence[Losses], *, title: str, unit: str) -> Image.Image:
    """Return D's and G's loss over time, 900 x 560 pixels, RGB.

    Args:
        points: In order of `at`; values that are not finite are left out.
        title: What was trained.
        unit: What `at` counts: the label of the axis.
    """
    picture = Image.new("RGB", (_SIZE[0] * _SCALE, _SIZE[1] * _SCALE), "white")
    pen = ImageDraw.Draw(picture)
    lines = {
        "discriminator": _finite((point.at, point.discriminator) for point in points),
        "generator": _finite((point.at, point.generator) for point in points),
    }
    values = [value for line in lines.values() for _, value in line] or [0.0]
    places = [point.at for point in points] or [0.0]
    across = _Axis(min(0.0, *places), max(places), _LEFT, _SIZE[0] - _RIGHT)
    up = _Axis(min(0.0, *values), max(values), _SIZE[1] - _BOTTOM, _TOP)
    _draw_axes(pen, across, up, unit)
    for name, line in lines.items():
        pixels = [(across.place(x), up.place(y)) for x, y in line]
        for pair in itertools.pairwise(pixels):
            _stroke(pen, pair, _COLOURS[name], 2.5)
        if len(line) <= _MOST_MARKED:
            for pixel in pixels:
                _mark(pen, pixel, name)
    _draw_header(pen, title)
    return picture.resize(_SIZE, Image.Resampling.LANCZOS)


def _finite(points: Iterable[Point]) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(y)]


class _Axis:
    """An axis that maps values to pixels between two ends; its four to nine ticks enclose them."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        # One value alone gets a little room.
        self.ticks = linear_ticks(low, max(high, low + 1e-6), _STEPS, outward=True)
        self.begin, self.end = begin, end

    def place(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def _draw_axes(pen: ImageDraw.ImageDraw, across: _Axis, up: _Axis, unit: str) -> None:
    for value in up.ticks:
        y = up.place(value)
        _stroke(pen, [(across.begin, y), (across.end, y)], _GRID, 1)
        _write(pen, (across.begin - 12, y), f"{value:g}", 16, _SOFT, "rm")
    for value in across.ticks:
        x = across.place(value)
        _stroke(pen, [(x, up.begin), (x, up.begin + 6)], _SOFT, 1.2)
        _write(pen, (x, up.begin + 22), f"{value:g}", 16, _SOFT, "mm")
    corners = [(across.begin, up.end), (across.begin, up.begin), (across.end, up.begin)]
    _stroke(pen, corners, _SOFT, 1.2)
    _write(pen, ((across.begin + across.end) / 2, up.begin + 50), unit, 18, _INK, "mm")
    _write(pen, (across.begin - 12, up.end - 22), "loss", 18, _INK, "rm")


def _draw_header(pen: ImageDraw.ImageDraw, title: str) -> None:
    _write(pen, (_LEFT, 26), title, 20, _INK, "lm")
    for index, name in enumerate(_COLOURS):
        x = _SIZE[0] - _RIGHT - 340 + 180 * index
        _stroke(pen, [(x, 56), (x + 36, 56)], _COLOURS[name], 2.5)
        _mark(pen, (x + 18, 56), name)
        _write(pen, (x + 46, 56), name, 17, _INK, "lm")


def _mark(pen: ImageDraw.ImageDraw, centre: Point, name: str) -> None:
    """Draw a disc for D and a square for G, for readers without colour."""
    x, y, r = centre[0] * _SCALE, centre[1] * _SCALE, 4 * _SCALE
    shape = pen.ellipse if name == "discriminator" else pen.rectangle
    shape([x - r, y - r, x + r, y + r], fill=_COLOURS[name], outline="white", width=_SCALE)


def _stroke(
    pen: ImageDraw.ImageDraw, points: Iterable[Point], colour: tuple[int, ...], width: float
) -> None:
    scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
    pen.line(scaled, fill=colour, width=round(width * _SCALE))


def _write(
    pen: ImageDraw.ImageDraw,
    place: Point,
    text: str,
    size: int,
    colour: tuple[int, ...],
    anchor: str,
) -> None:
    font = ImageFont.load_default(size * _SCALE)
    pen.text((place[0] * _SCALE, place[1] * _SCALE), text, fill=colour, font=font, anchor=anchor)
