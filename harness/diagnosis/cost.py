"""Predict what a sweep takes on this machine, from a few seconds of training of each family."""

import dataclasses
import itertools
import math
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from harness.backends.devices import available_cores
from harness.core.durations import format_seconds
from harness.core.errors import HarnessError, StorageError
from harness.core.events import Answer, Event, Progressed
from harness.core.files import nearest_folder
from harness.diagnosis.environment import MEGABYTE, available_megabytes
from harness.diagnosis.finding import Finding, fail, ok, warn
from harness.gan.config.config import GANConfig, build_config
from harness.runner.sweep_options import DEFAULT_TRIALS
from harness.space.feasibility import sample_values
from harness.space.settings import (
    PromotionSettings,
    SuccessiveHalvingSettings,
    promoted_share,
    reduction_factor,
)
from harness.space.space import SearchSpace
from harness.study.retention import disk_use
from harness.training.context import TrainingContext, prepare_context
from harness.training.job import TrainingJob, WorkerSetup
from harness.training.loop import run_job
from harness.training.training_folder import TrainingFolder

THREADS = 1
"""TensorFlow threads of a worker when there is one a core, as by default."""

RUNNER_MEGABYTES = 350
"""The process that drives the study: Optuna and W&B, but no TensorFlow."""

_MOST_SECONDS = 120.0
"""A family that trains longer is left; its speed is known by then."""

_DRAWS = 1000
"""Draws after which a family that did not come up is taken for absent."""


@dataclasses.dataclass(frozen=True)
class FamilyCost:
    """The measured cost of training one family.

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
class PlannedSweep:
    """A sweep whose cost is to be predicted.

    Args:
        space: What it searches; its rungs and pruner say how far trials come.
        trials: How many trials it makes.
        workers: How many train at once.
        cores: What they share: more workers than these are no faster. None for enough.
    """

    space: SearchSpace
    trials: int
    workers: int
    cores: int | None = None


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The time, memory and disk that a sweep takes.

    Args:
        planned: The sweep.
        seconds: If all families are tried equally often.
        fewest_seconds: If the search settles on the cheapest family.
        most_seconds: If it settles on the dearest.
        megabytes: Resident memory of runner and workers, MiB.
        disk_bytes: What the study's folder will hold.
        waiting: Of how many paused trials checkpoints are in that, at most.
    """

    planned: PlannedSweep
    seconds: float
    fewest_seconds: float
    most_seconds: float
    megabytes: float
    disk_bytes: float
    waiting: float = 0.0


def calibrate(
    space: SearchSpace,
    context: TrainingContext,
    *,
    kimg: float | None = None,
    seconds: float | None = None,
) -> list[FamilyCost]:
    """Train one configuration of each family for a few seconds and measure what it takes.

    Args:
        space: What would be searched.
        context: From `context_for`; its threads should be those of one worker.
        kimg: How far to train each; None for half of the first rung.
        seconds: How long to train all of them together, what precedes training left out; one that
            does not come so far in its part of the time is left unscored. None for no such limit.

    Raises:
        StorageError: If the system's temporary folder cannot be written.
    """
    end = kimg or space.budget.rungs_kimg[0] / 2
    configs = family_configs(space)
    each = _MOST_SECONDS if seconds is None else seconds / len(configs)
    return [_measure(config, context, end, seconds=each) for config in configs]


def family_configs(space: SearchSpace) -> list[GANConfig]:
    """Return one configuration of each family of a search space, drawn without Optuna."""
    rng = random.Random(0)
    found: dict[str, GANConfig] = {}
    for _ in range(_DRAWS):
        config = build_config(sample_values(space.parameters, rng), seed=0)
        found.setdefault(config.family, config)
    return list(found.values())


def predict(
    costs: Sequence[FamilyCost], planned: PlannedSweep, *, worker_megabytes: float
) -> Prediction:
    """Return what a sweep takes if its trials cost what the calibration did.

    Args:
        costs: One entry a family.
        planned: The sweep.
        worker_megabytes: Resident memory of one worker, MiB.
    """
    trials, workers = planned.trials, planned.workers
    at_once = min(workers, planned.cores or workers)
    reached = trials_at_rungs(planned.space, trials)
    pauses = isinstance(planned.space.pruner, PromotionSettings)
    # Whoever is promoted compiles anew; who may still be keeps a checkpoint.
    starts, waiting = (sum(reached), sum(reached[1:])) if pauses else (trials, 0.0)
    rungs = (0, *planned.space.budget.rungs_kimg)
    steps = [after - before for before, after in itertools.pairwise(rungs)]
    kimg = sum(count * step for count, step in zip(reached, steps, strict=True))
    seconds = [
        (starts * cost.start_seconds + kimg * cost.seconds_per_kimg) / at_once
        + _finish_seconds(cost, planned, at_once)
        for cost in costs
    ]
    # Completed trials keep their checkpoint, running ones two while they replace it.
    kept = waiting + reached[-1] + 2 * workers
    return Prediction(
        planned,
        seconds=statistics.fmean(seconds),
        fewest_seconds=min(seconds),
        most_seconds=max(seconds),
        megabytes=RUNNER_MEGABYTES + workers * worker_megabytes,
        disk_bytes=trials * statistics.fmean(cost.disk_bytes for cost in costs)
        + kept * statistics.fmean(cost.checkpoint_bytes for cost in costs),
        waiting=waiting,
    )


def _finish_seconds(cost: FamilyCost, planned: PlannedSweep, at_once: int) -> float:
    finish = planned.space.finish
    if finish is None:
        return 0.0
    kimg = finish.kimg or planned.space.budget.rungs_kimg[-1]
    turns = math.ceil(finish.leaders / at_once)
    return turns * (cost.start_seconds + kimg * cost.seconds_per_kimg)


def trials_at_rungs(space: SearchSpace, trials: int) -> list[float]:
    """Return how many trials are expected to train towards each rung.

    Promotion lets one of `reduction_factor` go on, and one to the end in any case. Successive
    halving does so, too, and lets everything go on while a rung has fewer than `min_trials`. For
    other pruners all are expected to reach the end, the most there can be.
    """
    pruner, rungs = space.pruner, space.budget.rungs_kimg
    if isinstance(pruner, PromotionSettings):
        share = promoted_share(pruner, rungs)
        return [max(1.0, trials / share**place) for place in range(len(rungs))]
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


def work_as_a_worker() -> None:
    """Limit TensorFlow to a worker's threads; it takes this only before its first computation."""
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def predict_default_sweep(studies_dir: Path, data_dir: Path | None) -> list[Finding]:
    """Return what `gansweep sweep` will take on this machine: time, memory, disk.

    Args:
        studies_dir: Where the study would lie.
        data_dir: Where to look for the data first.
    """
    try:
        space = SearchSpace.load("default")
        context = context_for(space, data_dir=data_dir, threads=THREADS)
        cores = available_cores()
        return predict_sweep(
            PlannedSweep(space, DEFAULT_TRIALS, cores, cores), context, studies_dir
        )
    except HarnessError as error:
        return [fail("calibration", str(error))]


def context_for(
    space: SearchSpace, *, data_dir: Path | None, threads: int, weights: Path | None = None
) -> TrainingContext:
    """Return what trains and scores as a worker of a sweep of this space does.

    Args:
        space: What would be searched.
        data_dir: Where to look for the data first.
        threads: TensorFlow threads of one worker.
        weights: File of the extractor's weights, where it does not bring its own.
    """
    setup = WorkerSetup(
        dataset=space.dataset,
        data_dir=data_dir,
        extractor=space.protocol.extractor,
        weights=weights,
        metric=space.protocol.metric,
        num_images=space.protocol.num_images,
        threads=threads,
    )
    return prepare_context(setup)


def predict_sweep(
    planned: PlannedSweep,
    context: TrainingContext,
    studies_dir: Path,
    *,
    seconds: float | None = None,
) -> list[Finding]:
    """Return what a sweep will take on this machine: time, memory, disk.

    Args:
        planned: The sweep.
        context: From `context_for`.
        studies_dir: Where the study would lie.
        seconds: How long to train for the calibration; None for half the first rung.

    Raises:
        HarnessError: If the calibration cannot be trained.
    """
    costs = calibrate(planned.space, context, seconds=seconds)
    prediction = predict(costs, planned, worker_megabytes=peak_megabytes())
    measured = ", ".join(
        f"{cost.family} {cost.start_seconds:.0f} s and {cost.seconds_per_kimg:.2f} s a kimg"
        for cost in costs
    )
    free_disk = shutil.disk_usage(nearest_folder(studies_dir)).free / MEGABYTE
    return [
        ok("calibration", measured),
        sweep_time(prediction),
        sweep_memory(prediction, available_megabytes()),
        sweep_disk(prediction, free_disk),
    ]


def sweep_time(prediction: Prediction) -> Finding:
    """Return how long a sweep will take."""
    planned = prediction.planned
    fewest, most = map(format_seconds, (prediction.fewest_seconds, prediction.most_seconds))
    spread = f" ({fewest} to {most}, as the search prefers cheap or dear families)"
    return ok(
        "sweep time",
        f"about {format_seconds(prediction.seconds)} for {planned.trials} trials of the "
        f"{planned.space.name} space with {planned.workers} workers"
        f"{spread if fewest != most else ''}",
    )


def sweep_memory(prediction: Prediction, free_megabytes: float | None) -> Finding:
    """Compare the memory a sweep will hold with what is free."""
    name = "sweep memory"
    message = f"about {prediction.megabytes:,.0f} MiB with {prediction.planned.workers} workers"
    if free_megabytes is not None and prediction.megabytes > free_megabytes:
        return warn(name, f"{message}; {free_megabytes:,.0f} are free. Use fewer --workers.")
    return ok(name, message)


def sweep_disk(prediction: Prediction, free_megabytes: float) -> Finding:
    """Compare the disk a study will fill with what is free."""
    name = "sweep disk"
    needed = prediction.disk_bytes / MEGABYTE
    message = f"about {needed:,.0f} MiB for {prediction.planned.trials} trials"
    if prediction.waiting:
        message += f", with checkpoints of up to {prediction.waiting:.0f} paused ones"
    if needed > free_megabytes:
        return fail(name, f"{message}; {free_megabytes:,.0f} are free. Free some.")
    return ok(name, message)


def _measure(
    config: GANConfig, context: TrainingContext, kimg: float, *, seconds: float
) -> FamilyCost:
    progress: list[Progressed] = []

    def listen(event: Event) -> Answer:
        if not isinstance(event, Progressed):
            return Answer.GO_ON
        progress.append(event)
        # From the first event on, which compiling precedes.
        trained = event.duration_seconds - progress[0].duration_seconds
        too_slow = trained > seconds and event.kimg < kimg and len(progress) > 2
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
        disk = disk_use(folder.path)
        checkpoint = sum(path.lstat().st_size for path in folder.path.glob("checkpoint*"))
        pictures = disk_use(folder.path / "grids")
    if not progress:
        raise StorageError(f"The calibration of {config.family} ended before its first step.")
    # The first call compiles and the second is short: neither tells the speed.
    speeds = [event.images_per_second for event in progress[2:] or progress[1:] or progress]
    seconds_per_kimg = 1000 / max(statistics.median(speeds), 1e-9)
    return FamilyCost(
        family=config.family,
        start_seconds=max(0.0, wall - progress[-1].kimg * seconds_per_kimg),
        seconds_per_kimg=seconds_per_kimg,
        disk_bytes=disk - checkpoint + pictures,  # W&B copies the grids
        checkpoint_bytes=checkpoint,
    )
