"""The events of a training; trackers and the runner listen."""

import dataclasses
from collections.abc import Sequence
from enum import Enum
from typing import Any

from harness.core.outcome import Outcome
from harness.core.score import Score
from harness.core.stored import parse_record


@dataclasses.dataclass(frozen=True)
class Started:
    """The beginning of a training, or its going on from a checkpoint.

    Args:
        kimg: Where it begins; 0 for a new training. Events of a later kimg from before an
            interruption will come again.
        generator_parameters: Number of weights of the generator.
        discriminator_parameters: Number of weights of the discriminator.
        note: What was lost since it was last heard of, such as a damaged checkpoint.
    """

    kimg: float
    generator_parameters: int
    discriminator_parameters: int
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Progressed:
    """Means over the steps since the last report.

    Args:
        kimg: Thousands of real images shown to the discriminator so far.
        generator_loss: Mean generator loss.
        discriminator_loss: Mean discriminator loss.
        accuracy_real: Share of real images that the discriminator called real.
        accuracy_fake: Share of generated images that it called generated.
        images_per_second: Real images shown to the discriminator per second.
        duration_seconds: Seconds of this training so far, interruptions left out.
    """

    kimg: float
    generator_loss: float
    discriminator_loss: float
    accuracy_real: float
    accuracy_fake: float
    images_per_second: float
    duration_seconds: float


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Counts of values in bins of equal width.

    Args:
        low: Lower end of the first bin.
        high: Upper end of the last bin.
        counts: How many values each bin holds.
    """

    low: float
    high: float
    counts: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Inspection:
    """Both networks at one moment, variable by variable.

    Args:
        weights: Histograms of the trainable variables by name, e.g. `generator/002_dense_kernel`.
        gradient_norms: Euclidean norms of their gradients on one batch, by the same names, and of
            all of a network under `generator` and `discriminator`.
    """

    weights: dict[str, Histogram]
    gradient_norms: dict[str, float]


@dataclasses.dataclass(frozen=True)
class RungScored:
    """The score of the EMA generator at a rung, where the search may stop the trial.

    Args:
        kimg: The rung.
        rung: Its index, from 0.
        score: What was measured now.
        best: The best rung score so far, this one included.
        grid: Path of the sample grid (PNG), relative to the trial's folder.
        duration_seconds: Seconds of this training so far, interruptions left out.
        processor_seconds_per_kimg: How long processors worked on a thousand images, without what
            compiling and scoring take; None where that is not known.
        inspection: Weights and gradients, where they were asked for.
    """

    kimg: float
    rung: int
    score: Score
    best: Score
    grid: str
    duration_seconds: float
    processor_seconds_per_kimg: float | None = None
    inspection: Inspection | None = None


@dataclasses.dataclass(frozen=True)
class Paused:
    """The end of a stretch: the training has saved itself and waits to be promoted.

    Args:
        kimg: The rung at which it waits.
    """

    kimg: float


@dataclasses.dataclass(frozen=True)
class Finished:
    """The end of a training with its outcome; nothing follows."""

    outcome: Outcome


Event = Started | Progressed | RungScored | Paused | Finished


def paused_at(history: Sequence[Event]) -> float | None:
    """Return the rung in kimg at which a training waits by its history; None where it does not."""
    last = history[-1] if history else None
    return last.kimg if isinstance(last, Paused) else None


class Answer(Enum):
    """The answer to an event: the only thing that goes back to a training.

    `STOP` ends the trial at a rung as outranked, `TOO_COSTLY` as over budget. `PAUSE` asks it to
    save a checkpoint and leave without an outcome, so that it goes on from there another time:
    when it is promoted, or when an interrupted sweep is continued.
    """

    GO_ON = "go on"
    STOP = "stop"
    TOO_COSTLY = "too costly"
    PAUSE = "pause"


def to_record(event: Event) -> dict[str, Any]:
    """Return a JSON-ready dictionary with the kind of event under `event`."""
    kind = type(event).__name__.lower()
    if isinstance(event, Finished):
        return {"event": kind, "kimg": event.outcome.kimg, "outcome": event.outcome.to_dict()}
    if isinstance(event, RungScored):
        record = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        record |= {"score": event.score.to_dict(), "best": event.best.to_dict()}
        if event.inspection is None:
            del record["inspection"]
        else:
            record["inspection"] = dataclasses.asdict(event.inspection)
        return {"event": kind, **record}
    return {"event": kind, **dataclasses.asdict(event)}


def from_record(record: dict[str, Any]) -> Event:
    """Return the event that `to_record` wrote.

    Raises:
        ValueError: If it is none, as is KeyError.
    """
    return parse_record(_KINDS[record["event"]], record)


_KINDS: dict[str, type[Event]] = {
    "started": Started,
    "progressed": Progressed,
    "rungscored": RungScored,
    "paused": Paused,
    "finished": Finished,
}
