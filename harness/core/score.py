"""What a number means: the protocol a score was measured by, and when two compare."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from harness.core.errors import ProtocolMismatchError
from harness.core.stored import parse_record


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Everything that changes a score without changing the generator.

    Two scores compare only when their protocols are equal. The noise seed is not part of it: it
    changes a score by luck, not by definition, and is stored beside the score.

    Args:
        metric: The name of the quantity, e.g. `fid`.
        extractor: The name of the feature extractor, or of the panel.
        extractor_sha256: Hash of the extractor's weights, or of all its members'.
        num_images: How many generated images are compared.
        reference: Name of the reference split, e.g. `fashion_mnist/validation`.
        reference_sha256: Hash of the reference images and labels.
        resize: How images reach the extractor's input size; `none` if they have it already.
        quantisation: How generated images become integers before features are taken.
        labels: How the labels of generated images are drawn.
    """

    metric: str
    extractor: str
    extractor_sha256: str
    num_images: int
    reference: str
    reference_sha256: str
    resize: str = "none"
    quantisation: str = "round to uint8"
    labels: str = "frequencies of the reference"

    # An unknown field would change what a score means: such a record is refused.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    @property
    def name(self) -> str:
        """Return the metric's full name, e.g. `fid_panel@10000`, for tables and logs."""
        return f"{self.metric}_{self.extractor}@{self.num_images}"

    @property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that are equal exactly when the protocols are."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Score:
    """One measured number with the protocol that gives it its meaning.

    Args:
        value: The number; for FID lower is better.
        kimg: Thousands of real images the discriminator had seen when it was measured.
        noise_seed: Seed of the noise behind the generated images.
        protocol: How it was measured.
        interval: 95 % interval for what other noise would give on average, (low, high); it
            leaves out what another training seed would change. None where none was computed.
        members: What each member of a panel says, whose mean the value is; none for one extractor.
    """

    value: float
    kimg: float
    noise_seed: int
    protocol: Protocol
    interval: tuple[float, float] | None = None
    members: tuple["Score", ...] = ()

    # What is not finite is no measurement, and stands in no order.
    __pydantic_config__ = {"allow_inf_nan": False}  # noqa: RUF012

    @property
    def text(self) -> str:
        """Return the value with half the width of its 95 % interval, e.g. `0.817 ±0.021`."""
        if self.interval is None:
            return f"{self.value:.3f}"
        low, high = self.interval
        return f"{self.value:.3f} ±{max(high - self.value, self.value - low):.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, with the fingerprint spelled out."""
        return {
            "name": self.protocol.name,
            "value": self.value,
            "interval": list(self.interval) if self.interval else None,
            "kimg": self.kimg,
            "noise_seed": self.noise_seed,
            "fingerprint": self.protocol.fingerprint,
            "protocol": dataclasses.asdict(self.protocol),
            "members": [member.to_dict() for member in self.members],
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Score":
        """Return the score that `to_dict` wrote.

        Raises:
            ValueError: If it is none; those of older studies have no interval.
        """
        return parse_record(cls, record)


def require_comparable(scores: Iterable[Score]) -> None:
    """Check that all scores were measured by one protocol, before they are ranked.

    Raises:
        ProtocolMismatchError: If two differ; shows the differing fields side by side.
    """
    require_same_protocol(score.protocol for score in scores)


def require_same_protocol(protocols: Iterable[Protocol]) -> None:
    """Check that protocols are equal, so that what they measured may be compared.

    Raises:
        ProtocolMismatchError: If two differ; shows the differing fields side by side.
    """
    first: Protocol | None = None
    for protocol in protocols:
        first = first or protocol
        if protocol != first:
            raise ProtocolMismatchError(_describe_difference(first, protocol))


def _describe_difference(one: Protocol, other: Protocol) -> str:
    lines = [
        f"Scores measured by different protocols cannot be ranked together: "
        f"{one.name} ({one.fingerprint}) and {other.name} ({other.fingerprint}) differ in"
    ]
    for field in dataclasses.fields(Protocol):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if left != right:
            lines.append(f"  {field.name}: {left} | {right}")
    lines.append("Score both again with the same extractor, reference and number of images.")
    return "\n".join(lines)
