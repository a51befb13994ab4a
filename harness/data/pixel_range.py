"""Find out which range images of somebody's lie in, and bring them to uint8."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError

RANGES: dict[str, tuple[float, float]] = {
    "-1,1": (-1.0, 1.0),
    "0,1": (0.0, 1.0),
    "0,255": (0.0, 255.0),
}
"""From black to white, by the names that `--range` takes."""

Floats = NDArray[np.floating]

_LOOKED_AT = 300

_TOLERANCE = 0.1
"""How far beyond a range nearly all pixels of a network without bounds may lie, of its width."""


@dataclasses.dataclass(frozen=True)
class Extent:
    """Where the pixels of a few hundred images lie.

    Args:
        low: A hundredth of the pixels are darker.
        high: A hundredth are brighter.
    """

    low: float
    high: float

    @classmethod
    def of(cls, where: str | Path, images: NDArray[Any]) -> "Extent":
        """Return the extent of images; of many, an evenly spaced part is looked at.

        Raises:
            DataError: If one has a pixel that is no finite number.
        """
        if not np.isfinite(images).all():
            raise DataError(f"{where}: its images hold NaN or infinity; expected finite pixels.")
        part = images[:: max(1, len(images) // _LOOKED_AT)]
        low, high = np.quantile(part.astype(np.float64), (0.01, 0.99))
        return cls(float(low), float(high))

    def lies_in(self, name: str) -> bool:
        """Return whether this may be the range."""
        low, high = RANGES[name]
        slack = _TOLERANCE * (high - low)
        return low - slack <= self.low and self.high <= high + slack

    def read(self) -> str | None:
        """Return the only range that pixels which lie like this can have; None where in doubt."""
        if self.high > 32.0:  # beyond all doubt about [0, 1] and [-1, 1]
            name = "0,255"
        elif self.low < -0.25:
            name = "-1,1"
        elif self.low < 0.25 and self.high > 0.5:
            name = "0,1"
        else:
            return None
        return name if self.lies_in(name) else None


def range_of_whole(where: str | Path, images: NDArray[Any], extent: Extent) -> str | None:
    """Return the range of whole numbers: 0 to 255, unless 1 is the highest of them.

    Args:
        where: What the message begins with.
        images: Of integers.
        extent: Where they lie.

    Returns:
        Key of RANGES; None for masks and the like, of which only the pixels tell.

    Raises:
        DataError: If they lie elsewhere.
    """
    if images.max() == 1:
        return None
    if not extent.lies_in("0,255"):
        raise DataError(
            f"{where}: whole numbers must be pixels from 0 to 255; 99 of 100 lie from "
            f"{extent.low:.3g} to {extent.high:.3g}. Divide 16-bit ones by 257."
        )
    return "0,255"


def choose_range(
    where: str | Path, extent: Extent, *, asked: str | None, bounds: str | None = None
) -> str:
    """Return the range of images.

    Args:
        where: What the message begins with.
        extent: Where images lie.
        asked: What `--range` says; it is believed unless images lie elsewhere.
        bounds: The range that a network's last operations hold it in, where that is known.

    Raises:
        DataError: If it cannot be told, or what is asked for does not fit.
    """
    lies = f"99 of 100 pixels lie from {extent.low:.3g} to {extent.high:.3g}"
    if asked is not None:
        if not extent.lies_in(asked):
            raise DataError(
                f"{where}: --range {asked} was asked for, but {lies}. Say another range, or leave "
                f"it out."
            )
        return asked
    seen = extent.read()
    found = seen if bounds is None else bounds
    if found is None or (seen not in (None, found)) or not extent.lies_in(found):
        said = f", while its last operations give {bounds}" if bounds else ""
        raise DataError(
            f"{where}: it is not clear which range its images have: {lies}{said}. Say what black "
            f"and white are: {', '.join(f'--range {name}' for name in RANGES)}."
        )
    return found


def bounds_of(extremes: Callable[[float], Floats]) -> str | None:
    """Return the range in which a network's last operations hold its images, by driving it hard.

    With noise of a thousand and of a million times its length, a network that ends in `tanh`, in
    a sigmoid, in a clip, or in one of these rescaled, gives its very bounds; one without bounds
    gives ever more. What the operations are called plays no part.

    Args:
        extremes: From a factor of the noise to images.

    Returns:
        Key of RANGES; None for a network without bounds, with others, or that divides by the
        length of its noise.
    """
    with np.errstate(all="ignore"):
        ends = [
            (float(np.min(found)), float(np.max(found))) for found in map(extremes, (1e3, 1e6))
        ]
    for name, bounds in RANGES.items():
        room = 0.002 * (bounds[1] - bounds[0])
        if all(np.abs(np.subtract(end, bounds)).max() <= room for end in ends):
            return name
    return None


def to_uint8(images: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return images of a range as uint8, rounded; what lies beyond it is cut off."""
    low, high = RANGES[name]
    levels = np.empty(images.shape, np.uint8)
    for each, image in zip(levels, images, strict=True):  # one by one: floats take much memory
        each[...] = np.clip(np.round((image - low) * (255.0 / (high - low))), 0, 255)
    return levels
