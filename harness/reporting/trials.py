"""Read the trainings of a study from their folders: how each went, rung by rung."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from harness.core.errors import StorageError
from harness.core.events import Event, Paused, Progressed, RungScored, Started, paused_at
from harness.core.files import inside
from harness.core.nested import flatten
from harness.core.outcome import Outcome
from harness.core.score import Score
from harness.data.image_opener import GRID_BYTES
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry
from harness.study.own_folders import BASELINE_PREFIX, name_of
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class Pace:
    """What a training's steps and scores took, in seconds.

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
        history: Its events, in order.
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
            took = 0.0  # by its steps alone: the clock also counts what lay between
            if event.images_per_second > 0:
                took = max(0.0, event.kimg - kimg) * 1000 / event.images_per_second
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


_SAMPLE = re.compile(r"kimg_([0-9]{6,12})\.png")

RUNNING, PAUSED = "running", "paused"
"""What stands for the outcome of a training that has not ended; paused, it waits at a rung."""


@dataclasses.dataclass(frozen=True)
class Rung:
    """What was measured of a training at one rung.

    Args:
        index: Which rung, from 0.
        kimg: Where it was scored; that may lie a step beyond the rung.
        value: The score measured there; lower is better.
        images: How many images it compares; at a first rung these may be fewer.
        interval: Its 95 % interval, where one was computed.
        seconds: Time spent up to there, interruptions left out.
        paused: Whether the training paused there, to be promoted or not.
        grid: The sample grid of that moment; None where the file is gone.
    """

    index: int
    kimg: float
    value: float
    images: int
    interval: tuple[float, float] | None
    seconds: float
    paused: bool
    grid: Path | None


@dataclasses.dataclass(frozen=True)
class Sample:
    """A sample grid that was drawn between rungs, from the noise of theirs.

    Args:
        kimg: When it was drawn.
        grid: The file.
    """

    kimg: float
    grid: Path


@dataclasses.dataclass(frozen=True)
class TrialData:
    """All that a report says of one training.

    Args:
        name: Trial number with four digits, or `baseline-` and the preset's name.
        rank: Its place among all that have ended or were scored, from 1; 0 before.
        family: Family of its networks.
        config: Its whole configuration by dotted path.
        rungs: Its rungs, by kimg.
        samples: Its grids between rungs, by kimg; older studies have none.
        outcome: How it ended, or where it stood at its last rung; None before the first.
        kimg: How far it came.
        seconds: Time spent on it: training, scores and saving, interruptions left out.
        pace: What its steps and its scores took of that.
        waits: Whether it has paused, and neither gone on nor ended.
        may_go_on: Whether it can be trained on from its checkpoint.
    """

    name: str
    rank: int
    family: str
    config: Mapping[str, Any]
    rungs: tuple[Rung, ...]
    samples: tuple[Sample, ...]
    outcome: Outcome | None
    kimg: float
    seconds: float
    pace: Pace
    waits: bool = False
    may_go_on: bool = False

    @property
    def is_ended(self) -> bool:
        """Return whether it has ended."""
        return self.outcome is not None and self.outcome.is_ended

    @property
    def is_baseline(self) -> bool:
        """Return whether it is a preset trained beside the search."""
        return self.name.startswith(BASELINE_PREFIX)

    @property
    def is_trial(self) -> bool:
        """Return whether it is a trial of the search, neither a baseline nor a finish."""
        return self.name.isdigit()

    @property
    def title(self) -> str:
        """Return what people call it: `trial 0007`, or the name of the preset."""
        preset = self.name.removeprefix(BASELINE_PREFIX)
        return preset if self.is_baseline else f"trial {self.name}"

    @property
    def state(self) -> str:
        """Return `complete`, `pruned`, `failed`, `paused` or `running`."""
        if self.outcome is not None and self.outcome.is_ended:
            return self.outcome.state.value
        return PAUSED if self.waits else RUNNING

    @property
    def reason(self) -> str:
        """Return why it ended, or `paused` or `running`."""
        if self.outcome is not None and self.outcome.is_ended:
            return self.outcome.reason.value
        return self.state

    @property
    def final(self) -> Score | None:
        """Return its final score, free of the luck of the best rung."""
        return self.outcome.final if self.outcome else None

    @property
    def training_seconds(self) -> float:
        """Return what its steps took, with compiling; never more than all of its time."""
        return min(self.pace.training_seconds, self.seconds)

    @property
    def scoring_seconds(self) -> float:
        """Return the rest of its time: scores, grids, saving."""
        return self.seconds - self.training_seconds

    @property
    def best_value(self) -> float | None:
        """Return its best rung score, those of fewer images left out where there are others."""
        if self.outcome and self.outcome.best:
            return self.outcome.best.value
        best = min(self.rungs, key=_place, default=None)
        return best.value if best else None

    @property
    def best_images(self) -> int:
        """Return how many images that score compares; 0 without one."""
        if self.outcome and self.outcome.best:
            return self.outcome.best.protocol.num_images
        best = min(self.rungs, key=_place, default=None)
        return best.images if best else 0

    @property
    def kept_kimg(self) -> float | None:
        """Return where its kept generator stands."""
        score = self.outcome.score if self.outcome else None
        return score.kimg if score else None

    @property
    def best_rung(self) -> Rung | None:
        """Return the rung with the best score, whose generator is kept; grids preferred."""
        shown = [rung for rung in self.rungs if rung.grid] or list(self.rungs)
        return min(shown, key=_place, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "trial": self.name,
            "rank": self.rank or None,
            "family": self.family,
            "state": self.state,
            "reason": self.reason,
            "detail": self.outcome.detail if self.outcome else "",
            "kimg": self.kimg,
            "seconds": self.seconds,
            "training_seconds": self.training_seconds,
            "allowed_seconds": self.outcome.allowed_seconds if self.outcome else None,
            "best_rung": self.best_value,
            "kept_kimg": self.kept_kimg,
            "may_go_on": self.may_go_on,
            "final": self.final.to_dict() if self.final else None,
            "rungs": [
                {
                    "kimg": r.kimg,
                    "value": r.value,
                    "images": r.images,
                    "interval": r.interval,
                    "seconds": r.seconds,
                    "paused": r.paused,
                }
                for r in self.rungs
            ],
            "config": dict(self.config),
        }


def read_ranked(entry: Entry, rank: int) -> TrialData:
    """Return a training that has ended or was scored.

    Raises:
        StorageError: If its history is damaged before its end.
    """
    read = _read(entry.name, entry.folder, entry.config)
    outcome = entry.outcome
    read = dataclasses.replace(read, rank=rank, outcome=outcome, may_go_on=entry.may_go_on)
    if not outcome.is_ended:
        return dataclasses.replace(read, kimg=max(read.kimg, outcome.kimg))
    return dataclasses.replace(read, kimg=outcome.kimg, seconds=outcome.duration_seconds)


def read_unfinished(path: Path) -> TrialData | None:
    """Return a training without an end; None where there is nothing to say of it yet.

    Raises:
        ConfigError: If its configuration is damaged.
        StorageError: If its history is damaged before its end.
    """
    folder = TrainingFolder(path)
    config = folder.read_config()
    return _read(name_of(path), folder, config) if config else None


def _read(name: str, folder: TrainingFolder, config: GANConfig) -> TrialData:
    """Return a training as its history tells it, without an end."""
    history = read_history(folder.path / HISTORY_NAME)
    scored = [event for event in history if isinstance(event, Progressed | RungScored)]
    pauses = {event.kimg for event in history if isinstance(event, Paused)}
    rungs = [
        Rung(
            index=event.rung,
            kimg=event.kimg,
            value=event.score.value,
            images=event.score.protocol.num_images,
            interval=event.score.interval,
            seconds=event.duration_seconds,
            paused=event.kimg in pauses,
            grid=_grid(folder.path, event.grid),
        )
        for event in scored
        if isinstance(event, RungScored)
    ]
    numbers = ((_SAMPLE.fullmatch(file.name), file) for file in folder.pictures("samples"))
    samples = [
        Sample(float(match[1]), grid)
        for match, file in numbers
        if match and (grid := _grid(folder.path, file.relative_to(folder.path).as_posix()))
    ]
    return TrialData(
        name=name,
        rank=0,
        family=config.family,
        config=dict(flatten(config.model_dump(mode="json"))),
        rungs=tuple(sorted(rungs, key=lambda rung: rung.kimg)),
        samples=tuple(sorted(samples, key=lambda sample: sample.kimg)),
        outcome=None,
        kimg=max((event.kimg for event in scored), default=0.0),
        seconds=max((event.duration_seconds for event in scored), default=0.0),
        pace=read_pace(history),
        waits=paused_at(history) is not None,
    )


def _grid(folder: Path, name: str) -> Path | None:
    """Return the grid that a history names, if it is a file of that training."""
    try:
        return inside(folder, name, most_bytes=GRID_BYTES)
    except StorageError:  # a history may come from anyone
        return None


def _place(rung: Rung) -> tuple[int, float]:
    return -rung.images, rung.value
