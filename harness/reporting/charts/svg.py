"""Write the marks of a chart as SVG: every colour is a class of the page, for light and dark."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from harness.core.ticks import linear_ticks

_FEWEST = 3
"""With fewer round powers, an axis of less than a decade takes evenly spaced ticks."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """An axis: numbers between `low` and `high` at pixels between `start` and `end`.

    Args:
        low: The number that stands at `start`.
        high: The number that stands at `end`; greater than `low`.
        start: Where the axis begins.
        end: Where it ends; less than `start` for an axis that points up.
        is_log: Whether equal factors are equal distances; `low` is then above zero.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        share = (self._bend(value) - self._bend(self.low)) / (
            self._bend(self.high) - self._bend(self.low)
        )
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Return round numbers within the scale, at most so many where that is possible."""
        if not self.is_log:
            return linear_ticks(self.low, self.high, most)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            # As text: 5 * 10**-4 and 0.0005 differ in their last bit.
            found = [float(f"{step}e{decade}") for decade in decades for step in steps]
            inside = [tick for tick in found if self.low <= tick <= self.high]
            if len(inside) <= most:
                break
        is_short = self.high < 10 * self.low and len(inside) < _FEWEST
        if is_short or len(inside) < 2:
            return linear_ticks(self.low, self.high, most)
        return inside

    def _bend(self, value: float) -> float:
        return math.log10(value) if self.is_log else value


def fit_scale(
    values: Sequence[float], start: float, end: float, *, is_log: bool, padding: float = 0.05
) -> Scale:
    """Return a scale that holds all values, with some room at both ends.

    Args:
        values: What is to be shown; at least one, all finite.
        start: Where the axis begins.
        end: Where it ends.
        is_log: Whether it shall be logarithmic; it is linear where a value is not above zero.
        padding: Room at each end, as a share of the whole.
    """
    low, high = min(values), max(values)
    if is_log and low > 0:
        room = (high / low) ** padding if high > low else 1.5
        return Scale(low / room, high * room, start, end, is_log=True)
    room = (high - low) * padding or abs(high) * 0.5 or 1.0
    return Scale(low - room, high + room, start, end, is_log=False)


def number_text(value: float) -> str:
    """Return a number as a reader wants it on an axis: `0.0003`, `2`, `1e-6`."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


FAMILIES = ("dcgan", "upsample", "mlp", "resnet")
"""Families that have a colour of their own; any other one takes the last."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The size of a chart; its units are pixels of the screen it is meant for.

    Args:
        kind: CSS class of the drawing: the page shows the one that suits its screen.
        width: Of all of it.
        height: Of all of it.
        left: Room beside the plot for the numbers of its axis.
        right: Room for names.
        dot: Radius of a dot.
    """

    kind: str
    width: float
    height: float
    left: float
    right: float
    dot: float


def family_class(family: str) -> str:
    """Return the CSS class that colours a family."""
    return f"family-{family if family in FAMILIES else 'other'}"


def draw_line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Return a line."""
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def draw_text(x: float, y: float, text: str, kind: str, anchor: str = "middle") -> Markup:
    """Return a text whose start, middle or end is at a place."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, text
    )


def draw_dot(x: float, y: float, kind: str, radius: float) -> Markup:
    """Return a dot."""
    return Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(
        kind, x, y, radius
    )


def draw_levels(y: Scale, left: float, right: float, *, most: int) -> Markup:
    """Return level lines over a plot with their numbers to the left."""
    parts = []
    for tick in y.ticks(most):
        parts.append(draw_line(left, y(tick), right, y(tick), "grid"))
        parts.append(draw_text(left - 7, y(tick) + 4, number_text(tick), "tick", "end"))
    return Markup("").join(parts)


def draw_svg(parts: Iterable[Markup], width: float, height: float, kind: str = "") -> Markup:
    """Return a drawing of these parts."""
    # What it shows is told by the element around it, and in the tables of the page.
    return Markup('<svg class="{}" viewBox="0 0 {:g} {:g}" aria-hidden="true">{}</svg>').format(
        kind, width, height, escape(Markup("").join(parts))
    )
