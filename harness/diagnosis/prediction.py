"""Calibrate on this machine and say what a sweep will take, as findings."""

import dataclasses
import shutil
from pathlib import Path

import tensorflow as tf

from harness.backends.devices import available_cores
from harness.core.durations import format_seconds
from harness.core.errors import HarnessError
from harness.diagnosis.cost import Prediction, calibrate, peak_megabytes, predict
from harness.diagnosis.environment import MEGABYTE, available_megabytes
from harness.diagnosis.file_systems import nearest_folder
from harness.diagnosis.finding import Finding, fail, ok, warn
from harness.space.space import SearchSpace
from harness.training.context import TrainingContext, prepare_context
from harness.training.job import WorkerSetup

DEFAULT_TRIALS = 50
THREADS = 1
"""TensorFlow threads of a worker when there is one a core, as by default."""


@dataclasses.dataclass(frozen=True)
class PlannedSweep:
    """Say what sweep is to be predicted.

    Args:
        space: What it searches.
        trials: How many trials it makes.
        workers: How many train at once.
        studies_dir: Where the study would lie.
        on_cores: Whether they share this machine's cores, or have a GPU each.
    """

    space: SearchSpace
    trials: int
    workers: int
    studies_dir: Path
    on_cores: bool = True


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
        planned = PlannedSweep(space, DEFAULT_TRIALS, available_cores(), studies_dir)
        return predict_sweep(planned, context)
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
    planned: PlannedSweep, context: TrainingContext, *, seconds: float | None = None
) -> list[Finding]:
    """Return what a sweep will take on this machine: time, memory, disk.

    Args:
        planned: The sweep.
        context: From `context_for`.
        seconds: How long to train for the calibration; None for half the first rung.

    Raises:
        HarnessError: If the calibration cannot be trained.
    """
    costs = calibrate(planned.space, context, seconds=seconds)
    prediction = predict(
        costs,
        planned.space,
        trials=planned.trials,
        workers=planned.workers,
        worker_megabytes=peak_megabytes(),
        cores=available_cores() if planned.on_cores else None,
    )
    measured = ", ".join(
        f"{cost.family} {cost.start_seconds:.0f} s and {cost.seconds_per_kimg:.2f} s a kimg"
        for cost in costs
    )
    free_disk = shutil.disk_usage(nearest_folder(planned.studies_dir)).free / MEGABYTE
    return [
        ok("calibration", measured),
        sweep_time(prediction, planned.space.name),
        sweep_memory(prediction, available_megabytes()),
        sweep_disk(prediction, free_disk),
    ]


def sweep_time(prediction: Prediction, name: str) -> Finding:
    """Say how long the sweep of the search space of that name will take."""
    about, fewest, most = (
        format_seconds(seconds)
        for seconds in (
            prediction.seconds,
            prediction.fewest_seconds,
            prediction.most_seconds,
        )
    )
    spread = f" ({fewest} to {most}, as the search prefers cheap or dear families)"
    return ok(
        "sweep time",
        f"about {about} for {prediction.trials} trials of the {name} space with "
        f"{prediction.workers} workers{spread if fewest != most else ''}",
    )


def sweep_memory(prediction: Prediction, free_megabytes: float | None) -> Finding:
    """Compare the memory a sweep will hold with what is free."""
    name = "sweep memory"
    message = f"about {prediction.megabytes:,.0f} MiB with {prediction.workers} workers"
    if free_megabytes is not None and prediction.megabytes > free_megabytes:
        return warn(name, f"{message}; {free_megabytes:,.0f} are free. Use fewer --workers.")
    return ok(name, message)


def sweep_disk(prediction: Prediction, free_megabytes: float) -> Finding:
    """Compare the disk a study will fill with what is free."""
    name = "sweep disk"
    needed = prediction.disk_bytes / MEGABYTE
    message = f"about {needed:,.0f} MiB for {prediction.trials} trials"
    if needed > free_megabytes:
        return fail(name, f"{message}; {free_megabytes:,.0f} are free. Free some.")
    return ok(name, message)
