"""Map values to places on a drawing, and choose the ticks of an axis."""

import dataclasses
import math
from collections.abc import Sequence

_FEWEST = 3
"""With fewer round powers, an axis of less than a decade takes evenly spaced ticks."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """Map numbers between `low` and `high` to pixels between `start` and `end`.

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
        return self._log_ticks(most) if self.is_log else self._linear_ticks(most)

    def _bend(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    def _log_ticks(self, most: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            # As text: 5 * 10**-4 and 0.0005 differ in their last bit.
            found = [float(f"{step}e{decade}") for decade in decades for step in steps]
            inside = [tick for tick in found if self.low <= tick <= self.high]
            if len(inside) <= most:
                break
        is_short = self.high < 10 * self.low and len(inside) < _FEWEST
        return self._linear_ticks(most) if is_short or len(inside) < 2 else inside

    def _linear_ticks(self, most: int) -> list[float]:
        rough = (self.high - self.low) / max(most, 1)
        decade = math.floor(math.log10(rough))
        step = next(
            size for f in (1, 2, 5, 10) if (size := float(f"{f}e{decade}")) >= rough * 0.999
        )
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(index * step, 12) for index in range(first, last + 1)]


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
