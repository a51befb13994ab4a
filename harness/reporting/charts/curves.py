"""Draw the scores of all trainings over kimg."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup

from harness.reporting.charts import svg
from harness.reporting.charts.svg import Layout, Scale
from harness.reporting.report_data import ReportData
from harness.reporting.trials import Rung, TrialData

WIDE = Layout("wide-chart", width=760, height=480, left=46, right=84, dot=3.5)
NARROW = Layout("narrow-chart", width=358, height=430, left=34, right=46, dot=4.5)

_TOP, _BOTTOM = 32, 46
_TEXT = 13
_LEADERS = 3
_TICK_ROOM = 34.0
_STEP = 4.0  # between the points of a line that names keep clear of
_GOLDEN = 0.618  # its multiples fall far apart, so that dots hide each other least


def colour_of(trial: TrialData) -> str:
    """Return the name of the CSS class that colours a trial by its family."""
    return "family-baseline" if trial.is_baseline else svg.family_class(trial.family)


def draw_curves(data: ReportData, layout: Layout = WIDE) -> Markup:
    """Return the scores of all trainings over kimg; pruned ones end where they were cut.

    Each rung is a circle with the names that the page's script looks for, in `data-` attributes.
    """
    shown = [trial for trial in data.trials if any(map(_is_finite, trial.rungs))]
    if not shown:
        return Markup("")
    rungs = [rung for trial in shown for rung in trial.rungs if _is_finite(rung)]
    kimgs = [rung.kimg for rung in rungs] + [float(kimg) for kimg in data.rungs_kimg]
    right, floor = layout.width - layout.right, layout.height - _BOTTOM
    x = svg.fit_scale(kimgs, layout.left, right, is_log=True, padding=0.06)
    y = svg.fit_scale([rung.value for rung in rungs], floor, _TOP, is_log=True)
    parts = [svg.draw_levels(y, layout.left, right, most=8), _rungs(x, data.rungs_kimg, floor)]
    # The best come last, on top of the others.
    places = {trial.name: _places(trial, x, y) for trial in shown}
    for trial in sorted(shown, key=lambda each: (each.name == data.winner, -each.rank)):
        parts.append(_curve(trial, places[trial.name], data.winner, layout.dot))
    parts += _names(
        data, [trial for trial in shown if _is_finite(trial.rungs[-1])], places, layout
    )
    metric = data.protocol.metric.upper()
    parts.append(svg.draw_text(0, 13, f"{metric}, lower is better", "axis", "start"))
    middle = (layout.left + right) / 2
    parts.append(
        svg.draw_text(middle, layout.height - 5, "kimg shown to the discriminator", "axis")
    )
    return svg.draw_svg(parts, layout.width, layout.height, layout.kind)


_Places = Sequence[tuple[int, float, float]]
"""Index, left and top of each rung that can be drawn."""


def _places(trial: TrialData, x: Scale, y: Scale) -> _Places:
    # Trials with a single dot stand beside their rung, for there may be many.
    is_alone = len(trial.rungs) == 1 and not trial.is_baseline
    aside = (trial.rank * _GOLDEN % 1 - 0.5) * 26 if is_alone else 0.0
    return [
        (index, x(rung.kimg) + aside, y(rung.value))
        for index, rung in enumerate(trial.rungs)
        if _is_finite(rung)
    ]


def _rungs(x: Scale, rungs: Sequence[int], floor: float) -> Markup:
    """Return an upright line a rung, and the ticks of the axis, before the first one too."""
    parts = [svg.draw_line(x(rung), _TOP, x(rung), floor, "rung") for rung in rungs]
    ticks = [float(rung) for rung in rungs]
    # Baselines that are slow end before the first rung.
    ticks += [tick for tick in x.ticks(6) if x(ticks[0]) - x(tick) >= _TICK_ROOM]
    parts += [svg.draw_text(x(tick), floor + 19, svg.number_text(tick), "tick") for tick in ticks]
    return Markup("").join(parts)


def _curve(trial: TrialData, places: _Places, winner: str | None, radius: float) -> Markup:
    is_winner, best = trial.name == winner, trial.best_rung
    path = " ".join(f"{left:.1f},{top:.1f}" for _, left, top in places)
    dot = '<circle{} data-trial="{}" data-rung="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>'
    dots = Markup("").join(
        Markup(dot).format(
            _kind(trial.rungs[index], best),
            *(trial.name, index, left, top),
            radius + 1.5 if is_winner else radius,
        )
        for index, left, top in places
    )
    return Markup('<g class="curve {} is-{}{}"><polyline points="{}"/>{}</g>').format(
        colour_of(trial), trial.state, " winner" if is_winner else "", path, dots
    )


def _kind(rung: Rung, best: Rung | None) -> Markup:
    kinds = " ".join(["kept"] * (rung == best) + ["paused"] * rung.paused)
    return Markup(' class="{}"').format(kinds) if kinds else Markup("")


def _names(
    data: ReportData, shown: list[TrialData], places: dict[str, _Places], layout: Layout
) -> list[Markup]:
    """Return the names of the leaders and the baselines beside their last dots."""
    leaders = [trial for trial in shown if trial.rank and not trial.is_baseline][:_LEADERS]
    others = [trial for trial in shown if trial.is_baseline]
    named = sorted([*leaders, *others], key=lambda trial: trial.name != data.winner)
    ends = [(_short(trial), *places[trial.name][-1][1:]) for trial in named]
    dots = [(left, top) for each in places.values() for _, left, top in each]
    found = place_labels(
        ends,
        dots,
        [point for each in places.values() for point in _along(each)],
        size=_TEXT,
        within=Box(layout.left, _TOP - 10, layout.width, layout.height - _BOTTOM),
        radius=layout.dot + 1.5,
    )
    return [
        svg.draw_text(place.x, place.y, _short(trial), f"label {colour_of(trial)}", place.anchor)
        for trial, place in zip(named, found, strict=True)
        if place is not None
    ]


def _short(trial: TrialData) -> str:
    return trial.title if trial.is_baseline else trial.name


def _along(places: _Places) -> Iterator[tuple[float, float]]:
    """Yield points of a line, a few pixels apart."""
    for (_, x1, y1), (_, x2, y2) in itertools.pairwise(places):
        steps = 1 + int(math.hypot(x2 - x1, y2 - y1) / _STEP)
        for step in range(1, steps):
            yield x1 + (x2 - x1) * step / steps, y1 + (y2 - y1) * step / steps


def _is_finite(rung: Rung) -> bool:
    return math.isfinite(rung.value) and rung.kimg > 0


_WIDTH_OF_LETTER = 0.7  # of the height of a bold text, on average and rather too wide
_NEAR = 9.0
_BASELINE = 0.35  # of the height: from the middle of a letter to the line it stands on


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle, counted in pixels to the right and down."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Return whether two rectangles share an area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: "Box") -> bool:
        """Return whether another rectangle lies within."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def distance(self, x: float, y: float) -> float:
        """Return how far a place is from the rectangle; 0 within."""
        aside = max(self.left - x, 0.0, x - self.right)
        return math.hypot(aside, max(self.top - y, 0.0, y - self.bottom))


@dataclasses.dataclass(frozen=True)
class ChartLabel:
    """A name's place: its start, middle or end (`anchor`) is at `x` and `y`."""

    x: float
    y: float
    anchor: str
    box: Box


def place_labels(
    names: Sequence[tuple[str, float, float]],
    dots: Sequence[tuple[float, float]],
    lines: Iterable[tuple[float, float]],
    *,
    size: float,
    within: Box,
    radius: float,
) -> list[ChartLabel | None]:
    """Return where each name stands; None for one that has no place of its own.

    It lies upon no dot and no other name, and no other dot is nearer to it than its own.

    Args:
        names: Each with the place of its dot; the first ones are placed first.
        dots: All dots, those of the names included.
        lines: Places along lines; names keep clear of them where they can.
        size: Height of the text.
        within: Where names may stand.
        radius: Of a dot.
    """
    taken = [_around(x, y, radius) for x, y in dots]
    better_not = [_around(x, y, 1.0) for x, y in lines]
    placed: list[ChartLabel | None] = []
    for name, x, y in names:
        free = [
            label
            for label in _candidates(name, x, y, size)
            if within.holds(label.box)
            and not any(map(label.box.overlaps, taken))
            and label.box.distance(x, y) <= min(label.box.distance(*dot) for dot in dots)
        ]
        clear = (each for each in free if not any(map(each.box.overlaps, better_not)))
        label = next(clear, free[0] if free else None)
        placed.append(label)
        if label is not None:
            taken.append(label.box)
    return placed


def _candidates(name: str, x: float, y: float, size: float) -> Iterable[ChartLabel]:
    """Yield places around a dot, the best first: right, left, above, below, and the corners."""
    width, line = len(name) * size * _WIDTH_OF_LETTER, size * 0.5 + _NEAR
    for dx, dy in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)):
        anchor = {1: "start", -1: "end", 0: "middle"}[dx]
        at = x + dx * (_NEAR if dy == 0 else _NEAR * 0.5)
        left = at - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        middle = y + dy * line
        box = Box(left, middle - size / 2, left + width, middle + size / 2)
        yield ChartLabel(at, middle + size * _BASELINE, anchor, box)


def _around(x: float, y: float, radius: float) -> Box:
    return Box(x - radius, y - radius, x + radius, y + radius)
