"""Choose round numbers for the axis of a chart."""

import math


def linear_ticks(low: float, high: float, most: int, *, outward: bool = False) -> list[float]:
    """Return round numbers, evenly spaced, in at most so many steps from low to high.

    Args:
        low: Where the axis begins; finite.
        high: Where it ends; greater than `low`.
        most: The most steps that the range may be divided into.
        outward: Whether the first and the last one shall enclose the range, not lie within it.
    """
    rough = (high - low) / max(most, 1)
    decade = math.floor(math.log10(rough))
    # As text: 5 * 10**-4 and 0.0005 differ in their last bit.
    sizes = (float(f"{factor}e{decade}") for factor in (1, 2, 5, 10))
    step = next(size for size in sizes if size >= rough * 0.999)
    if outward:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    else:
        first, last = math.ceil(low / step), math.floor(high / step)
    return [round(index * step, 12) for index in range(first, last + 1)]
