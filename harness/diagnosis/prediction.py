"""Calibrate on this machine and say what the default sweep will take, as findings."""

import shutil
from pathlib import Path

import tensorflow as tf

from harness.diagnosis.cost import Prediction, calibrate, peak_megabytes, predict
from harness.diagnosis.environment import MEGABYTE, available_cores, available_megabytes
from harness.diagnosis.file_systems import nearest_folder
from harness.diagnosis.finding import Finding, fail, ok, warn
from harness.errors import HarnessError
from harness.search.space import SearchSpace
from harness.training.runner import Runner

DEFAULT_TRIALS = 50
THREADS = 1
"""TensorFlow threads of a worker when there is one a core, as by default."""


def work_as_a_worker() -> None:
    """Limit TensorFlow to a worker's threads; it takes this only before its first computation."""
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def predict_default_sweep(studies_dir: Path, data_dir: Path | None) -> list[Finding]:
    """Return what `python -m harness.sweep` will take on this machine: time, memory, disk.

    Args:
        studies_dir: Where the study would lie.
        data_dir: Where to look for the data first.
    """
    workers = available_cores()
    try:
        space = SearchSpace.load("default")
        runner = Runner(
            dataset=space.dataset,
            data_dir=data_dir,
            extractor=space.protocol.extractor,
            metric=space.protocol.metric,
            num_images=space.protocol.num_images,
            threads=THREADS,
        )
        costs = calibrate(space, runner)
    except HarnessError as error:
        return [fail("calibration", str(error))]
    prediction = predict(
        costs,
        space,
        trials=DEFAULT_TRIALS,
        workers=workers,
        worker_megabytes=peak_megabytes(),
    )
    measured = ", ".join(
        f"{cost.family} {cost.start_seconds:.0f} s and {cost.seconds_per_kimg:.2f} s a kimg"
        for cost in costs
    )
    free_disk = shutil.disk_usage(nearest_folder(studies_dir)).free / MEGABYTE
    return [
        ok("calibration", measured),
        sweep_time(prediction, workers),
        sweep_memory(prediction, workers, available_megabytes()),
        sweep_disk(prediction, free_disk),
    ]


def sweep_time(prediction: Prediction, workers: int) -> Finding:
    """Say how long the sweep will take."""
    fewest, most = prediction.fewest_seconds / 60, prediction.most_seconds / 60
    return ok(
        "sweep time",
        f"about {prediction.seconds / 60:.0f} min for {DEFAULT_TRIALS} trials of the default "
        f"space with {workers} workers ({fewest:.0f} to {most:.0f}, as the search prefers cheap "
        f"or dear families)",
    )


def sweep_memory(prediction: Prediction, workers: int, free_megabytes: float | None) -> Finding:
    """Compare the memory a sweep will hold with what is free."""
    name = "sweep memory"
    message = f"about {prediction.megabytes:,.0f} MiB with {workers} workers"
    if free_megabytes is not None and prediction.megabytes > free_megabytes:
        return warn(name, f"{message}; {free_megabytes:,.0f} are free. Use fewer --workers.")
    return ok(name, message)


def sweep_disk(prediction: Prediction, free_megabytes: float) -> Finding:
    """Compare the disk a study will fill with what is free."""
    name = "sweep disk"
    needed = prediction.disk_bytes / MEGABYTE
    message = f"about {needed:,.0f} MiB for {DEFAULT_TRIALS} trials"
    if needed > free_megabytes:
        return fail(name, f"{message}; {free_megabytes:,.0f} are free. Free some.")
    return ok(name, message)
