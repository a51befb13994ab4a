"""Tell a training's time apart: what its steps took, and what its scores took."""

import dataclasses
from collections.abc import Iterable
from statistics import median

from harness.core.events import Event, Progressed, RungScored, Started


@dataclasses.dataclass(frozen=True)
class Pace:
    """Hold what a training's steps and scores took, in seconds.

    Args:
        training_seconds: All its steps, with compiling; without scores, grids and saving.
        seconds_per_kimg: What another thousand images would take; None where it was too short to
            tell that from compiling.
        seconds_per_score: What another score would take, the grid included; None where each one
            had something to compile or to load.
    """

    training_seconds: float
    seconds_per_kimg: float | None
    seconds_per_score: float | None


def read_pace(history: Iterable[Event]) -> Pace:
    """Return the pace of a training.

    The first call and the first score since it began, or went on after an interruption, compile
    what they run. They cost once, and are no measure of what would have followed.

    Args:
        history: What it said, in order.
    """
    steps: list[tuple[float, float]] = []  # kimg and seconds of the calls that compile nothing
    scores: list[float] = []
    training = kimg = seconds = 0.0
    calls = scored = 0
    for event in history:
        if isinstance(event, Started):
            calls = scored = 0
            kimg = event.kimg
        elif isinstance(event, Progressed):
            took = _seconds(event, kimg)
            training += took
            if calls:
                steps.append((event.kimg - kimg, took))
            calls, kimg, seconds = calls + 1, event.kimg, event.duration_seconds
        elif isinstance(event, RungScored):
            if scored:
                scores.append(event.duration_seconds - seconds)
            scored, seconds = scored + 1, event.duration_seconds
    trained = sum(each for each, _ in steps)
    return Pace(
        training_seconds=training,
        seconds_per_kimg=sum(took for _, took in steps) / trained if trained > 0 else None,
        seconds_per_score=median(scores) if scores else None,
    )


def _seconds(event: Progressed, before: float) -> float:
    """Return what the steps of one report took; the clock also counts what lay between."""
    if not event.images_per_second > 0:
        return 0.0
    return max(0.0, event.kimg - before) * 1000 / event.images_per_second
