"""Predict what a sweep will cost, from a few seconds of training of each family in it."""

import dataclasses
import itertools
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import StorageError
from harness.core.events import Answer, Event, Progressed
from harness.gan.config.config import GANConfig
from harness.space.feasibility import sample_values
from harness.space.fields import build_config
from harness.space.settings import SuccessiveHalvingSettings, reduction_factor
from harness.space.space import SearchSpace
from harness.study.retention import disk_use
from harness.training.context import TrainingContext
from harness.training.job import TrainingJob
from harness.training.loop import run_job
from harness.training.training_folder import TrainingFolder

RUNNER_MEGABYTES = 350
"""The process that drives the study: Optuna, SQLAlchemy and W&B, but no TensorFlow."""

_MOST_SECONDS = 120.0
"""A family that trains longer is left; its speed is known by then."""

_DRAWS = 1000
"""Draws after which a family that did not come up is taken for absent."""


@dataclasses.dataclass(frozen=True)
class FamilyCost:
    """Hold what training one family was measured to take.

    Args:
        family: The generator's name.
        start_seconds: Building, compiling and scoring: what every trial pays once.
        seconds_per_kimg: Training alone.
        disk_bytes: What an ended trial leaves, W&B's log included.
        checkpoint_bytes: What it holds besides while it may go on.
    """

    family: str
    start_seconds: float
    seconds_per_kimg: float
    disk_bytes: int
    checkpoint_bytes: int


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Say what a sweep will take.

    Args:
        trials: Trials in total.
        workers: How many train at once.
        seconds: If all families are tried equally often.
        fewest_seconds: If the search settles on the cheapest family.
        most_seconds: If it settles on the dearest.
        megabytes: Resident memory of runner and workers, MiB.
        disk_bytes: What the study's folder will hold.
    """

    trials: int
    workers: int
    seconds: float
    fewest_seconds: float
    most_seconds: float
    megabytes: float
    disk_bytes: float


def calibrate(
    space: SearchSpace,
    context: TrainingContext,
    *,
    kimg: float | None = None,
    seed: int = 0,
    seconds: float | None = None,
) -> list[FamilyCost]:
    """Train one configuration of each family for a few seconds and measure what it takes.

    Args:
        space: What would be searched.
        context: From `prepare_context`; its threads should be those of one worker.
        kimg: How far to train each; None for half of the first rung.
        seed: Which configurations are drawn.
        seconds: How long to train all of them together, what precedes training left out; one that
            does not come so far in its part of the time is left unscored. None for no such limit.

    Raises:
        StorageError: If the system's temporary folder cannot be written.
    """
    end = kimg or space.budget.rungs_kimg[0] / 2
    configs = family_configs(space, seed)
    each = _MOST_SECONDS if seconds is None else seconds / len(configs)
    return [_measure(config, context, end, seconds=each) for config in configs]


def family_configs(space: SearchSpace, seed: int = 0) -> list[GANConfig]:
    """Return one configuration of each family of a search space, drawn without Optuna."""
    rng = random.Random(seed)
    found: dict[str, GANConfig] = {}
    for _ in range(_DRAWS):
        config = build_config(sample_values(space.parameters, rng), seed=seed)
        found.setdefault(config.family, config)
    return list(found.values())


def predict(
    costs: Sequence[FamilyCost],
    space: SearchSpace,
    *,
    trials: int,
    workers: int,
    worker_megabytes: float,
    cores: int | None = None,
) -> Prediction:
    """Return what a sweep takes if its trials cost what the calibration did.

    Args:
        costs: One entry a family.
        space: What is searched; its rungs and pruner say how far trials come.
        trials: Trials in total.
        workers: How many train at once.
        worker_megabytes: Resident memory of one, MiB.
        cores: What they share: more workers than these are no faster. None for enough.
    """
    at_once = min(workers, cores or workers)
    reached = trials_at_rungs(space, trials)
    rungs = (0, *space.budget.rungs_kimg)
    steps = [after - before for before, after in itertools.pairwise(rungs)]
    kimg = sum(count * step for count, step in zip(reached, steps, strict=True))
    seconds = [
        (trials * cost.start_seconds + kimg * cost.seconds_per_kimg) / at_once for cost in costs
    ]
    # Completed trials keep their checkpoint, running ones two while they replace it.
    kept = reached[-1] + 2 * workers
    return Prediction(
        trials=trials,
        workers=workers,
        seconds=statistics.fmean(seconds),
        fewest_seconds=min(seconds),
        most_seconds=max(seconds),
        megabytes=RUNNER_MEGABYTES + workers * worker_megabytes,
        disk_bytes=trials * statistics.fmean(cost.disk_bytes for cost in costs)
        + kept * statistics.fmean(cost.checkpoint_bytes for cost in costs),
    )


def trials_at_rungs(space: SearchSpace, trials: int) -> list[float]:
    """Return how many trials are expected to train towards each rung.

    Successive halving lets one of `reduction_factor` go on, and everything while a rung has
    fewer than `min_trials`; for other pruners all are expected to reach the end, the most there
    can be.
    """
    pruner, rungs = space.pruner, space.budget.rungs_kimg
    if not isinstance(pruner, SuccessiveHalvingSettings):
        return [float(trials)] * len(rungs)
    factor = reduction_factor(pruner, rungs)
    reached = [float(trials)]
    for _ in rungs[1:]:
        free = min(reached[-1], pruner.min_trials - 1)
        reached.append(free + (reached[-1] - free) / factor)
    return reached


def peak_megabytes() -> float:
    """Return the most resident memory this process ever held, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _measure(
    config: GANConfig, context: TrainingContext, kimg: float, *, seconds: float
) -> FamilyCost:
    said: list[Progressed] = []

    def listen(event: Event) -> Answer:
        if not isinstance(event, Progressed):
            return Answer.GO_ON
        said.append(event)
        # From the first event on, which compiling precedes.
        trained = event.duration_seconds - said[0].duration_seconds
        too_slow = trained > seconds and event.kimg < kimg and len(said) > 2
        return Answer.PAUSE if too_slow else Answer.GO_ON

    with tempfile.TemporaryDirectory(prefix="harness-calibration-") as temporary:
        folder = TrainingFolder(Path(temporary) / "0000")
        job = TrainingJob(
            config=config,
            folder=folder,
            rungs_kimg=(kimg,),
            seed=0,
            name="calibration",
        )
        began = time.monotonic()
        run_job(job, context, listen)
        wall = time.monotonic() - began
        disk, checkpoint, pictures = _disk_use(folder)
    if not said:
        raise StorageError(f"The calibration of {config.family} ended before its first step.")
    # The first call compiles and the second is short: neither tells the speed.
    speeds = [event.images_per_second for event in said[2:] or said[1:] or said]
    seconds_per_kimg = 1000 / max(statistics.median(speeds), 1e-9)
    return FamilyCost(
        family=config.family,
        start_seconds=max(0.0, wall - said[-1].kimg * seconds_per_kimg),
        seconds_per_kimg=seconds_per_kimg,
        disk_bytes=disk - checkpoint + pictures,  # W&B copies the grids
        checkpoint_bytes=checkpoint,
    )


def _disk_use(folder: TrainingFolder) -> tuple[int, int, int]:
    """Return the bytes of all, of the checkpoints and of the grids of one training."""
    checkpoints = sum(path.lstat().st_size for path in folder.path.glob("checkpoint*"))
    pictures = sum(path.lstat().st_size for path in folder.path.glob("grids/*"))
    return disk_use(folder.path), checkpoints, pictures
