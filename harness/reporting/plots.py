"""Draw a report's charts as SVG: every colour is a variable of the page, for light and dark."""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from markupsafe import Markup, escape

from harness.confirmation.result import CandidateResult, Confirmation
from harness.reporting.parameters import Effects, Point, Slice
from harness.reporting.report_data import ReportData
from harness.reporting.scales import Scale, fit_scale, number_text
from harness.reporting.trials import TrialData

FAMILIES = ("dcgan", "upsample", "mlp", "resnet")
"""Families that have a colour of their own; any other one takes the last."""

_WIDTH, _HEIGHT = 760, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 96, 14, 44
_SLICE_WIDTH, _SLICE_HEIGHT = 250, 150
_MOST_COLUMNS = 6
_GOLDEN = 0.618  # its multiples fall far apart, so that dots hide each other least


def colour_of(trial: TrialData | Point) -> str:
    """Return the name of the CSS class that colours a trial by its family."""
    family = trial.family
    if isinstance(trial, TrialData) and trial.is_baseline:
        return "family-baseline"
    return f"family-{family if family in FAMILIES else 'other'}"


def draw_curves(data: ReportData) -> Markup:
    """Return the scores of all trainings over kimg; pruned ones end where they were cut.

    Each rung is a circle with the names that the page's script looks for, in `data-` attributes.
    """
    shown = [trial for trial in data.trials if any(map(_is_finite, trial.rungs))]
    if not shown:
        return Markup("")
    rungs = [rung for trial in shown for rung in trial.rungs if _is_finite(rung)]
    kimgs = [rung.kimg for rung in rungs] + [float(kimg) for kimg in data.rungs_kimg]
    x = fit_scale(kimgs, _LEFT, _WIDTH - _RIGHT, is_log=True, padding=0.06)
    y = fit_scale([rung.value for rung in rungs], _HEIGHT - _BOTTOM, _TOP, is_log=True)
    parts = [_axes(x, y, [float(kimg) for kimg in data.rungs_kimg])]
    # The best come last, on top of the others.
    for trial in sorted(shown, key=lambda each: (each.name == data.winner, -each.rank)):
        parts.append(_curve(trial, x, y, is_winner=trial.name == data.winner))
    named = [trial for trial in shown if trial.is_baseline or trial.name == data.winner]
    parts.append(_names(named, x, y))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 6, "kimg shown to the discriminator", "axis", "middle"))
    return _svg(parts, _WIDTH, _HEIGHT)


def draw_confirmation(confirmation: Confirmation) -> Markup:
    """Return each candidate's scores on new seeds: a dot a seed, a line for the interval."""
    known = [each for each in confirmation.candidates if each.mean is not None]
    if not known:
        return Markup("")
    left, right, row = 76, 20, 34
    height = 12 + row * len(known) + 30
    values = [seed.test.value for each in known for seed in each.seeds if seed.test]
    # Intervals from few seeds reach far: they are cut at the edges, and told in the table.
    far = max(values) > 3 * min(values)
    x = fit_scale(values, left, _WIDTH - right, is_log=far, padding=0.1)
    parts = []
    for tick in x.ticks(8):
        parts.append(_line(x(tick), 6, x(tick), height - 28, "grid"))
        parts.append(_text(x(tick), height - 10, number_text(tick), "tick", "middle"))
    for place, each in enumerate(known):
        parts.append(
            _candidate(each, x, 12 + row * (place + 0.5), each.trial == confirmation.winner)
        )
    return _svg(parts, _WIDTH, height)


def _candidate(each: CandidateResult, x: Scale, top: float, is_winner: bool) -> Markup:
    parts = [_text(4, top + 4, each.trial, "name first" if is_winner else "name", "start")]
    if each.interval:
        low, high = max(each.interval[0], x.low), min(each.interval[1], x.high)
        parts.append(_line(x(low), top, x(high), top, "interval"))
    if each.mean is not None:
        parts.append(_line(x(each.mean), top - 9, x(each.mean), top + 9, "median"))
    for seed in each.seeds:
        if seed.test:
            dot = '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="4.5"/>'
            kind = f"family-{each.family if each.family in FAMILIES else 'other'}"
            parts.append(Markup(dot).format(kind, x(seed.test.value), top))
    return Markup("").join(parts)


def draw_slice(one: Slice, effects: Effects) -> Markup:
    """Return the scores over one parameter, every trial a dot; by value, a bar at the median."""
    points = [point for point in one.points if math.isfinite(point.value)]
    if not points:
        return Markup("")
    left, right, top, bottom = 34, 10, 8, 26
    everything = [point.value for each in effects.slices for point in each.points]
    finite = [value for value in everything if math.isfinite(value)]
    y = fit_scale(finite, _SLICE_HEIGHT - bottom, top, is_log=True)
    parts = [_horizontal(y, left, _SLICE_WIDTH - right, most=4)]
    floor = _SLICE_HEIGHT - bottom
    numbers = [float(point.x) for point in points if isinstance(point.x, int | float)]
    if len(numbers) == len(points) and len(set(numbers)) > _MOST_COLUMNS:
        x = fit_scale(numbers, left, _SLICE_WIDTH - right, is_log=one.is_log, padding=0.07)
        parts += [_text(x(t), floor + 16, number_text(t), "tick", "middle") for t in x.ticks(3)]
        parts += [_dot(point, x(float(point.x)), y(point.value)) for point in points]
    else:
        parts += _by_value(points, y, left=left, right=_SLICE_WIDTH - right)
    return _svg(parts, _SLICE_WIDTH, _SLICE_HEIGHT)


def _by_value(points: Sequence[Point], y: Scale, *, left: float, right: float) -> list[Markup]:
    names = sorted({_value_text(point.x) for point in points}, key=_numbers_first)
    width = (right - left) / len(names)
    parts = []
    for place, name in enumerate(names):
        middle = left + (place + 0.5) * width
        group = [point for point in points if _value_text(point.x) == name]
        bar = y(median(point.value for point in group))
        reach = min(width * 0.36, 30)
        parts.append(_line(middle - reach, bar, middle + reach, bar, "median"))
        for index, point in enumerate(group):
            aside = (index * _GOLDEN % 1 - 0.5) * reach
            parts.append(_dot(point, middle + aside, y(point.value)))
        parts.append(_text(middle, _SLICE_HEIGHT - 10, name, "tick", "middle"))
    return parts


def _axes(x: Scale, y: Scale, rungs: Sequence[float]) -> Markup:
    floor = _HEIGHT - _BOTTOM
    parts = [_horizontal(y, _LEFT, _WIDTH - _RIGHT, most=8)]
    for rung in rungs:
        parts.append(_line(x(rung), _TOP, x(rung), floor, "rung"))
        parts.append(_text(x(rung), floor + 18, number_text(rung), "tick", "middle"))
    return Markup("").join(parts)


def _horizontal(y: Scale, left: float, right: float, *, most: int) -> Markup:
    parts = []
    for tick in y.ticks(most):
        parts.append(_line(left, y(tick), right, y(tick), "grid"))
        parts.append(_text(left - 8, y(tick) + 4, number_text(tick), "tick", "end"))
    return Markup("").join(parts)


def _names(trials: Sequence[TrialData], x: Scale, y: Scale) -> Markup:
    """Return the names of trainings beside their last dots, none upon another."""
    parts, lowest = [], 0.0
    ends = [(y(trial.rungs[-1].value), trial) for trial in trials if _is_finite(trial.rungs[-1])]
    for top, trial in sorted(ends, key=lambda pair: pair[0]):
        lowest = max(top, lowest + 15)
        left, kind = x(trial.rungs[-1].kimg) + 10, f"label {colour_of(trial)}"
        parts.append(_text(left, lowest + 4, trial.title, kind, "start"))
    return Markup("").join(parts)


def _curve(trial: TrialData, x: Scale, y: Scale, *, is_winner: bool) -> Markup:
    places = [
        (index, x(rung.kimg) + _aside(trial), y(rung.value))
        for index, rung in enumerate(trial.rungs)
        if _is_finite(rung)
    ]
    path = " ".join(f"{left:.1f},{top:.1f}" for _, left, top in places)
    winner = " winner" if is_winner else ""
    dots = Markup("").join(
        Markup('<circle data-trial="{}" data-rung="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(
            trial.name, index, left, top, 5 if is_winner else 3.5
        )
        for index, left, top in places
    )
    return Markup('<g class="curve {} is-{}{}"><polyline points="{}"/>{}</g>').format(
        colour_of(trial), trial.state, winner, path, dots
    )


def _aside(trial: TrialData) -> float:
    """Return how far from its rung a trial with a single dot stands, for there may be many."""
    return (trial.rank * _GOLDEN % 1 - 0.5) * 26 if len(trial.rungs) == 1 else 0.0


def _dot(point: Point, x: float, y: float) -> Markup:
    return Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(
        colour_of(point), x, y
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def _svg(parts: Iterable[Markup], width: int, height: int) -> Markup:
    # What it shows is told by the element around it, and in the tables of the page.
    return Markup('<svg viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        width, height, escape(Markup("").join(parts))
    )


def _is_finite(rung: Any) -> bool:
    return math.isfinite(rung.value) and rung.kimg > 0


def _value_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numbers_first(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text
