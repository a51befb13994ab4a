"""Average losses over batches or epochs, across interruptions, and write them out in words."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from harness.core.events import Event, Progressed, Started
from harness.gan.monitor import Cadence

_MOST_POINTS = 200


@dataclasses.dataclass(frozen=True)
class Losses:
    """Mean losses over some steps.

    Args:
        at: Where they end, in the unit they are counted in.
        discriminator: D's loss, the sum of its terms.
        generator: G's loss.
        accuracy: Share of all images, real and generated, that D judged rightly.
    """

    at: float
    discriminator: float
    generator: float
    accuracy: float


@dataclasses.dataclass(frozen=True)
class _Call:
    """The report of one call of the compiled loop, with its first and last step."""

    first: int
    last: int
    event: Progressed


class LossLog:
    """Take in what a training says, and average it from one time of a cadence to the next.

    Args:
        cadence: How long the averages are; None for none but the curve's.
        images_per_step: Real images that D sees in a step.
        images: Images of an epoch.
        history: Events from before this process began.
    """

    def __init__(
        self,
        cadence: Cadence | None,
        *,
        images_per_step: int,
        images: int,
        history: Iterable[Event] = (),
    ) -> None:
        self._cadence = cadence
        self._size: dict[str, int] = {"images_per_step": images_per_step, "images": images}
        self._images_per_step = images_per_step
        self._calls: list[_Call] = []
        self._start = 0
        for event in history:
            self.add(event)

    def add(self, event: Event) -> Losses | None:
        """Take in one event; return the means of an interval that ends with it."""
        if isinstance(event, Started):  # what follows is reported again
            self._start = self._step(event.kimg)
            self._calls = [call for call in self._calls if call.last <= self._start]
        if not isinstance(event, Progressed):
            return None
        first = self._calls[-1].last if self._calls else self._start
        self._calls.append(_Call(first, self._step(event.kimg), event))
        if self._cadence is None or self._times(self._calls[-1].last) == self._times(first):
            return None
        return self._means()[-1]

    def curve(self) -> tuple[str, list[Losses]]:
        """Return the unit and the points of a curve: the cadence's, or where they are few kimg."""
        if self._cadence is not None:
            means = self._means()
            if len(means) > 1:
                return self._cadence.unit, _thin(means)
        calls = self._calls
        width = -(-len(calls) // _MOST_POINTS) or 1
        parts = [calls[i : i + width] for i in range(0, len(calls), width)]
        return "kimg", [_mean(part, part[-1].event.kimg) for part in parts]

    def _step(self, kimg: float) -> int:
        return round(kimg * 1000 / self._images_per_step)

    def _times(self, step: int) -> int:
        return self._cadence.times(step, **self._size) if self._cadence else 0

    def _means(self) -> list[Losses]:
        """Return the means of all intervals that are over."""
        count = self._cadence.count if self._cadence else 1
        means = []
        # A call lies within one interval: the training loop ends calls where intervals end.
        for _, group in itertools.groupby(self._calls, lambda call: self._times(call.first)):
            calls = list(group)
            times = self._times(calls[-1].last)
            if times > self._times(calls[-1].first):
                means.append(_mean(calls, times * count))
        return means


def _mean(calls: Sequence[_Call], at: float) -> Losses:
    steps = [call.last - call.first for call in calls]
    total = max(sum(steps), 1)

    def mean(values: Iterable[Any]) -> float:
        return float(sum(n * value for n, value in zip(steps, values, strict=True)) / total)

    events = [call.event for call in calls]
    return Losses(
        at=at,
        discriminator=mean(event.discriminator_loss for event in events),
        generator=mean(event.generator_loss for event in events),
        accuracy=mean((event.accuracy_real + event.accuracy_fake) / 2 for event in events),
    )


def _thin(points: list[Losses]) -> list[Losses]:
    """Return means over neighbours, at most as many as a picture can show apart."""
    width = -(-len(points) // _MOST_POINTS)
    parts = [points[i : i + width] for i in range(0, len(points), width)]
    return [
        Losses(
            part[-1].at,
            sum(point.discriminator for point in part) / len(part),
            sum(point.generator for point in part) / len(part),
            sum(point.accuracy for point in part) / len(part),
        )
        for part in parts
    ]
