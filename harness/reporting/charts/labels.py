"""Place names beside the dots they belong to, where they hide nothing."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

_WIDTH_OF_LETTER = 0.7  # of the height of a bold text, on average and rather too wide
_NEAR = 9.0
_BASELINE = 0.35  # of the height: from the middle of a letter to the line it stands on


@dataclasses.dataclass(frozen=True)
class Box:
    """Hold a rectangle, counted in pixels to the right and down."""

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
    """Hold where a name stands: its start, middle or end (`anchor`) is at `x` and `y`."""

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
