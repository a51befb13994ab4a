"""Carry one measured quantity with its error bar, its direction and its protocol."""

import dataclasses
from typing import Any

from harness.core.score import Protocol


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number as a measure computes it, before it is known for which protocol.

    Args:
        value: The number.
        interval: 95 % interval, (low, high); None where none is known.
        better: `lower`, `higher`, or the value that is best.
        note: A few words beside the number, e.g. which class is the worst.
    """

    value: float
    interval: tuple[float, float] | None = None
    better: str = "lower"
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A quantity with the protocol that gives it its meaning.

    Unlike a `Score` it belongs to no training: the images may come from anywhere.

    Args:
        quantity: The number with its error bar.
        protocol: How it was measured.
    """

    quantity: Quantity
    protocol: Protocol

    @property
    def value(self) -> float:
        """Return the number."""
        return self.quantity.value

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, with the fingerprint spelled out."""
        return {
            "name": self.protocol.name,
            **dataclasses.asdict(self.quantity),
            "fingerprint": self.protocol.fingerprint,
            "protocol": dataclasses.asdict(self.protocol),
        }
