"""Describe one training and what a process loads for it; light enough for the runner."""

import dataclasses
from pathlib import Path

from harness.data.image_dataset import ImageDataset
from harness.gan.config.config import GANConfig
from harness.gan.monitor import UNMONITORED, MonitorConfig
from harness.gan.user_code.user_functions import NO_FUNCTIONS, UserFunctions
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """One GAN to train: what it is, where it is kept and when it is scored.

    Args:
        config: The GAN.
        folder: Where everything about this training is kept.
        rungs_kimg: Where to score, ascending; the last one is the end.
        seed: Origin of the noise behind scores and grids. Trainings that share it are scored on
            the same noise at their rungs.
        name: Tells the final score's noise from that of other trainings.
        stop_after_seconds: Score and finish when this much time was spent; None for no limit.
        timeout_seconds: A training that takes longer ends as timed out; None for no limit.
        checkpoint_seconds: Save at least so often, beside every rung.
        deterministic: Train in chunks that do not depend on the clock, so that whatever is judged
            by a chunk's means repeats exactly.
        ends_early: Whether it ends where it seems to lead nowhere: collapsed, or D has won. What
            does not stay finite ends in either case.
        inspects: Whether weights and gradients are described at rungs.
        first_images: How many images a training's first score compares, at the first rung, unless
            that is the last; None for as many as the others.
        monitor: How it shows itself beside its scores: calls end where something is to be printed,
            and grids of sample images are saved.
    """

    config: GANConfig
    folder: TrainingFolder
    rungs_kimg: tuple[float, ...]
    seed: int
    name: str
    stop_after_seconds: float | None = None
    timeout_seconds: float | None = None
    checkpoint_seconds: float = 60.0
    deterministic: bool = False
    ends_early: bool = True
    inspects: bool = False
    first_images: int | None = None
    monitor: MonitorConfig = UNMONITORED


@dataclasses.dataclass(frozen=True)
class TestScoring:
    """What kept generators are seen through on the test split.

    Args:
        extractor: A name or a folder; None for what scores the rungs.
        weights: File of the extractor's weights, where it does not bring its own.
    """

    extractor: str | None = None
    weights: Path | None = None


@dataclasses.dataclass(frozen=True)
class WorkerSetup:
    """What a process that trains loads before its first job.

    Args:
        dataset: Key of `DATASETS`, or a scheme and a path; or the images themselves.
        data_dir: Where to look for it first; None for the usual places.
        extractor: What the metrics see through.
        metric: What a score is: key of `OBJECTIVES`.
        num_images: How many generated images a score compares.
        threads: TensorFlow threads; 0 for as many as there are cores.
        weights: File of the extractor's weights, where it does not bring its own.
        deterministic: Whether operations must repeat bit for bit on this machine.
        functions: Functions of the user's own that jobs may name.
        test_scoring: How kept generators are scored on the test split; None for not at all.
    """

    dataset: str | ImageDataset = "fashion_mnist"
    data_dir: Path | None = None
    extractor: str = "panel"
    metric: str = "fid"
    num_images: int = 10_000
    threads: int = 0
    weights: Path | None = None
    deterministic: bool = False
    functions: UserFunctions = NO_FUNCTIONS
    test_scoring: TestScoring | None = None
