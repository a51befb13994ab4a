"""Write the marks of a chart as SVG: every colour is a class of the page, for light and dark."""

import dataclasses
from collections.abc import Iterable

from markupsafe import Markup, escape

from harness.reporting.charts.scales import Scale, number_text

FAMILIES = ("dcgan", "upsample", "mlp", "resnet")
"""Families that have a colour of their own; any other one takes the last."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Say how large a chart is drawn; its units are pixels of the screen it is meant for.

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
