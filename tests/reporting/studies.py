"""Make small studies by hand, whose reports can be worked out."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from harness.confirmation.result import CandidateResult, Confirmation, SeedResult
from harness.core.events import Finished, Progressed, RungScored, Started
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig, build_config
from harness.space.space import SearchSpace
from harness.study.record import StudyRecord
from harness.tracking.jsonl_tracker import HISTORY_NAME, JsonlTracker
from harness.training.grid import draw_grid, png_bytes
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
RUNGS = (8, 32)
CLASS_NAMES = ("shirt", "shoe")
SPACE = {
    "name": "small",
    "description": "A space made by hand.",
    "dataset": "fashion_mnist",
    "parameters": {
        "generator.name": {"choices": ["mlp", "dcgan"]},
        "discriminator.name": [
            {"when": {"generator.name": "mlp"}, "value": "mlp"},
            {"when": {"generator.name": "dcgan"}, "value": "conv"},
        ],
        "generator.learning_rate": {"low": 1.0e-4, "high": 1.0e-2, "log": True},
        "batch_size": {"choices": [16, 32]},
        "loss.name": {"choices": ["non_saturating", "hinge"]},
    },
    "budget": {"rungs_kimg": list(RUNGS)},
    "protocol": {"extractor": "fashion_cnn", "num_images": 1000},
}


@dataclasses.dataclass(frozen=True)
class Clock:
    """Say what a training took.

    Args:
        per_kimg: Seconds of a thousand images.
        compiling: Seconds that its first step takes longer than others, and its first score.
        per_score: Seconds of a score, of a rung or the final one.
        allowed: The time it was given.
    """

    per_kimg: float = 1.0
    compiling: float = 0.0
    per_score: float = 0.0
    allowed: float | None = None


def score(value: float, kimg: float, *, noise_seed: int = 0) -> Score:
    return Score(value, kimg, noise_seed, PROTOCOL, (value - 0.1, value + 0.1))


def config(family: str = "mlp", rate: float = 1e-3, **fields: object) -> GANConfig:
    values = {
        "generator.name": family,
        "discriminator.name": "mlp" if family == "mlp" else "conv",
        "generator.learning_rate": rate,
        "batch_size": 16,
        "loss.name": "hinge",
    }
    return build_config(values | fields, seed=7)


def make_study(folder: Path) -> Path:
    """Write a study without trials."""
    folder.mkdir(parents=True)
    record = StudyRecord(
        id="a-study",
        name=folder.name,
        seed=3,
        dataset="fashion_mnist",
        protocol=dataclasses.asdict(PROTOCOL),
        created="2026-01-01T00:00:00+00:00",
        class_names=CLASS_NAMES,
    )
    (folder / "study.json").write_text(json.dumps(dataclasses.asdict(record)))
    space = SearchSpace.from_dict(SPACE, source="small")
    (folder / "search_space.yaml").write_text(space.to_yaml())
    return folder


def add_training(
    path: Path,
    values: list[float],
    reason: Reason | None,
    *,
    of: GANConfig | None = None,
    final: float | None = None,
    clock: Clock | None = None,
) -> TrainingFolder:
    """Write a training that was scored at as many rungs as there are values.

    Args:
        path: Its folder.
        values: Its scores at the rungs.
        reason: Why it ended; None for one that still runs.
        of: Its configuration.
        final: Its final score.
        clock: What it took.
    """
    clock = clock or Clock()
    folder = TrainingFolder(path)
    folder.write_config(of or config())
    tracker = JsonlTracker(path / HISTORY_NAME)
    tracker.emit(Started(0.0, 100, 200))
    kimg, best = 1.0, None
    now = kimg * clock.per_kimg + clock.compiling
    tracker.emit(_progressed(kimg, 1000 * kimg / now, now))
    for rung, (rung_kimg, value) in enumerate(zip(RUNGS, values, strict=False)):
        now += (rung_kimg - kimg) * clock.per_kimg
        kimg = float(rung_kimg)
        tracker.emit(_progressed(kimg, 1000 / clock.per_kimg, now))
        now += clock.per_score + (clock.compiling if rung == 0 else 0.0)
        measured = score(value, kimg)
        best = measured if best is None or value < best.value else best
        grid = folder.grid_file(kimg)
        grid.parent.mkdir(exist_ok=True)
        grid.write_bytes(png_bytes(draw_grid(_images(rung))))
        name = grid.relative_to(path).as_posix()
        tracker.emit(RungScored(kimg, rung, measured, best, name, now))
    if reason is not None:
        outcome = Outcome(
            reason,
            detail=f"It ended <as> {reason.value}.",
            kimg=kimg,
            duration_seconds=now + (clock.per_score if final is not None else 0.0),
            best=best,
            final=score(final, kimg, noise_seed=1) if final is not None else None,
            allowed_seconds=clock.allowed,
        )
        tracker.emit(Finished(outcome))
        folder.write_outcome(outcome)
    tracker.close()
    return folder


def add_samples(training: TrainingFolder, kimgs: Iterable[int]) -> None:
    """Write the grids that a training drew between rungs."""
    for kimg in kimgs:
        file = training.sample_file("kimg", kimg)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png_bytes(draw_grid(_images(0) + np.uint8(kimg))))


def make_small_study(folder: Path) -> Path:
    """Write a study with a trial for most ways to end, a baseline and one that runs."""
    make_study(folder)
    trials = folder / "trials"
    add_training(trials / "0000", [5.0, 2.0], Reason.FINISHED, final=2.2)
    dcgan = config("dcgan", 2e-3, **{"loss.name": "non_saturating"})
    add_training(
        trials / "0001", [4.0, 1.0], Reason.FINISHED, of=dcgan, final=1.1, clock=Clock(2.0)
    )
    add_training(trials / "0002", [9.0], Reason.OUTRANKED, clock=Clock(3.0))
    add_training(trials / "0003", [], Reason.DIVERGED, of=config(rate=9e-3))
    add_training(trials / "0004", [6.0], None)
    add_training(folder / "baselines" / "mlp_cgan", [8.0, 7.0], Reason.FINISHED, final=7.1)
    return folder


def confirmation(winner: str | None = "0000") -> Confirmation:
    """Return what training two leaders again found: the search's second is the better one."""
    test = dataclasses.replace(PROTOCOL, reference="fashion_mnist/test")

    def candidate(
        trial: str, search: float, values: tuple[float, ...], out: int | None
    ) -> CandidateResult:
        seeds = tuple(
            SeedResult(
                name=f"{trial}-s{index}",
                seed=index,
                folder=f"confirmation/trainings/{trial}-s{index}",
                outcome="finished",
                validation=score(value, 32),
                test=Score(value, 32, 0, test),
                duration_seconds=32.0,
            )
            for index, value in enumerate(values, start=1)
        )
        mean = sum(values) / len(values)
        return CandidateResult(
            trial=trial,
            family="mlp" if trial == "0000" else "dcgan",
            search=score(search, 32),
            seeds=seeds,
            mean=mean,
            interval=(mean - 0.5, mean + 0.5),
            probability_best=0.9 if trial == "0000" else 0.1,
            validation_mean=mean,
            luck=mean - search,
            out_after=out,
        )

    return Confirmation(
        study="small",
        study_id="a-study",
        complete=winner is not None,
        top=2,
        seeds=3,
        protocol=test,
        winner=winner,
        method="made by hand",
        candidates=(
            candidate("0000", 2.2, (1.4, 1.5, 1.6), None),
            candidate("0001", 1.1, (5.0, 6.0), 2),
        ),
    )


def _progressed(kimg: float, images_per_second: float, now: float) -> Progressed:
    return Progressed(kimg, 0.1, 0.2, 0.5, 0.5, images_per_second, now)


def _images(rung: int) -> np.ndarray:
    """Return twenty 8 x 8 images, brighter from rung to rung."""
    ramp = np.arange(20, dtype=np.uint8)[:, None, None, None] * 5
    return np.broadcast_to(ramp + 100 * rung, (20, 8, 8, 1))
