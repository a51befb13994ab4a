"""Draw what new seeds found of the leaders, and how scores lie over each parameter."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from markupsafe import Markup

from harness.confirmation.result import CandidateResult, Confirmation
from harness.reporting.charts import svg
from harness.reporting.charts.svg import Layout, Scale
from harness.reporting.parameter_effects import Effects, Point, Slice

WIDE = Layout("wide-chart", width=700, height=46, left=64, right=16, dot=4.5)
NARROW = Layout("narrow-chart", width=358, height=46, left=46, right=10, dot=5)
"""The height is that of the axis; each candidate adds a row."""

_ROW = 34
_SLICE_WIDTH, _SLICE_FLOOR = 250, 136.0
_LETTER = 6.2  # the width of one in a slice
_GOLDEN = 0.618  # its multiples fall far apart, so that dots hide each other least


def draw_confirmation(confirmation: Confirmation, layout: Layout = WIDE) -> Markup:
    """Return each candidate's scores on new seeds: a dot a seed, a line for the interval."""
    known = [each for each in confirmation.candidates if each.mean is not None]
    if not known:
        return Markup("")
    floor = 8 + _ROW * len(known)
    x = _confirmation_scale(known, layout.left, layout.width - layout.right)
    parts = []
    for tick in x.ticks(round(layout.width / 60)):
        parts.append(svg.draw_line(x(tick), 4, x(tick), floor, "grid"))
        parts.append(svg.draw_text(x(tick), floor + 18, svg.number_text(tick), "tick"))
    for place, each in enumerate(known):
        is_winner = each.trial == confirmation.winner
        parts.append(_candidate(each, x, 6 + _ROW * (place + 0.5), is_winner, layout.dot))
    label = f"{confirmation.protocol.metric.upper()} on the test split, lower is better"
    middle = (layout.left + layout.width - layout.right) / 2
    parts.append(svg.draw_text(middle, floor + 40, label, "axis"))
    return svg.draw_svg(parts, layout.width, floor + layout.height, layout.kind)


def _confirmation_scale(known: Sequence[CandidateResult], start: float, end: float) -> Scale:
    values = [seed.test.value for each in known for seed in each.seeds if seed.test]
    low, high = min(values), max(values)
    if high > 3 * low > 0:
        return svg.fit_scale(values, start, end, is_log=True, padding=0.1)
    # Intervals from few seeds reach far: they get as much room again as the seeds on each side.
    room = (high - low) or abs(high) * 0.05
    ends = [end for each in known for end in each.interval or ()]
    inside = [min(max(each, low - room), high + room) for each in ends]
    return svg.fit_scale([*values, *inside], start, end, is_log=False, padding=0.06)


def _candidate(
    each: CandidateResult, x: Scale, top: float, is_winner: bool, radius: float
) -> Markup:
    parts = [svg.draw_text(0, top + 4, each.trial, "name first" if is_winner else "name", "start")]
    if each.interval:
        low, high = max(each.interval[0], x.low), min(each.interval[1], x.high)
        parts.append(svg.draw_line(x(low), top, x(high), top, "interval"))
        for is_cut, at, step in (
            (each.interval[0] < x.low, low, -7),
            (each.interval[1] > x.high, high, 7),
        ):
            if is_cut:  # the head of an arrow: the interval goes on beyond the drawing
                arrow = Markup('<path class="beyond" d="M{:.1f} {:.1f}l{} -5v10z"/>')
                parts.append(arrow.format(x(at) + step, top, -step))
    if each.mean is not None:
        parts.append(svg.draw_line(x(each.mean), top - 10, x(each.mean), top + 10, "median"))
    for seed in each.seeds:
        if seed.test:
            parts.append(
                svg.draw_dot(x(seed.test.value), top, svg.family_class(each.family), radius)
            )
    return Markup("").join(parts)


def draw_slice(one: Slice, effects: Effects, metric: str) -> Markup:
    """Return the scores over one parameter, every trial a dot; by value, a bar at the median."""
    points = [point for point in one.points if math.isfinite(point.value)]
    if not points:
        return Markup("")
    left, right, floor = 38.0, _SLICE_WIDTH - 8.0, _SLICE_FLOOR
    everything = [point.value for each in effects.slices for point in each.points]
    finite = [value for value in everything if math.isfinite(value)]
    y = svg.fit_scale(finite, floor, 24, is_log=True)
    parts = [
        svg.draw_text(0, 11, metric, "axis", "start"),
        svg.draw_levels(y, left, right, most=4),
    ]
    numbers = [float(point.x) for point in points if isinstance(point.x, int | float)]
    # A range is an axis, however few of its values were tried.
    if one.values is None and len(numbers) == len(points):
        x = svg.fit_scale(numbers, left, right, is_log=one.is_log, padding=0.07)
        parts += [svg.draw_text(x(t), floor + 16, svg.number_text(t), "tick") for t in x.ticks(3)]
        parts += [_dot(point, x(float(point.x)), y(point.value)) for point in points]
    else:
        parts += _by_value(points, y, left=left, right=right, floor=floor)
    return svg.draw_svg(parts, _SLICE_WIDTH, floor + 36)


def _by_value(
    points: Sequence[Point], y: Scale, *, left: float, right: float, floor: float
) -> list[Markup]:
    names = sorted({_value_text(point.x) for point in points}, key=_numbers_first)
    width = (right - left) / len(names)
    # Names that are too long for one line stand on two, in turn.
    lines = 2 if any(len(name) * _LETTER > width for name in names) else 1
    fits = max(3, int(lines * width / _LETTER))
    parts = []
    for place, name in enumerate(names):
        middle = left + (place + 0.5) * width
        group = [point for point in points if _value_text(point.x) == name]
        bar = y(median(point.value for point in group))
        reach = min(width * 0.36, 30)
        parts.append(svg.draw_line(middle - reach, bar, middle + reach, bar, "median"))
        for index, point in enumerate(group):
            aside = (index * _GOLDEN % 1 - 0.5) * reach
            parts.append(_dot(point, middle + aside, y(point.value)))
        text = name if len(name) <= fits else name[: fits - 1] + "…"
        parts.append(svg.draw_text(middle, floor + 16 + 14 * (place % lines), text, "tick"))
    return parts


def _dot(point: Point, x: float, y: float) -> Markup:
    return svg.draw_dot(x, y, svg.family_class(point.family), 3)


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _numbers_first(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text
