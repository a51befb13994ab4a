"""Put the pictures of a training in order: the grids of its rungs, and those between them."""

import dataclasses
from pathlib import Path

from harness.reporting.trials import Rung, Sample, TrialData

MOST_FRAMES = 60
_NEAR = 0.25  # of the distance between two samples


@dataclasses.dataclass(frozen=True)
class Frame:
    """Hold one moment of a film.

    Args:
        kimg: When it was.
        grid: Its images, from the same noise as those of all other frames.
        rung: What was measured at that moment; None between rungs.
    """

    kimg: float
    grid: Path
    rung: Rung | None


def film_of(trial: TrialData) -> tuple[Frame, ...]:
    """Return the frames of a training by kimg; where there are many, some samples are left out.

    A rung's own grid stands for a sample of (nearly) the same moment.
    """
    frames = [Frame(rung.kimg, rung.grid, rung) for rung in trial.rungs if rung.grid]
    near = _NEAR * _distance(trial.samples)
    between = [
        Frame(sample.kimg, sample.grid, None)
        for sample in trial.samples
        if all(abs(sample.kimg - rung.kimg) > near for rung in frames)
    ]
    room = max(0, MOST_FRAMES - len(frames))
    if len(between) > room:
        between = [between[index * len(between) // room] for index in range(room)]
    return tuple(sorted([*frames, *between], key=lambda frame: frame.kimg))


def kept_frame(trial: TrialData, film: tuple[Frame, ...]) -> int:
    """Return which frame shows the generator that is kept, that of the best rung; 0 without."""
    best = trial.best_rung
    return next((place for place, each in enumerate(film) if best and each.rung == best), 0)


def _distance(samples: tuple[Sample, ...]) -> float:
    kimgs = [0.0, *(sample.kimg for sample in samples)]
    return (kimgs[-1] - kimgs[0]) / max(1, len(samples))
