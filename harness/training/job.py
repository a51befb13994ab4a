"""Describe one training: what, where, and when to score; light enough for the runner."""

import dataclasses

from harness.gan.config.config import GANConfig
from harness.gan.monitor import UNMONITORED, MonitorConfig
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """Say what to train, where to keep it and when to score it.

    Args:
        config: The GAN.
        folder: Where everything about this training is kept.
        rungs_kimg: Where to score, ascending; the last one is the end.
        seed: Origin of the noise behind scores and grids. Trainings that share it are scored on
            the same noise at their rungs.
        name: Tells the final score's noise from that of other trainings.
        max_seconds_per_kimg: A training that proves costlier ends as over budget; None for any.
        stop_after_seconds: Score and finish when this much time was spent; None for no limit.
        timeout_seconds: A training that takes longer ends as timed out; None for no limit.
        checkpoint_seconds: Save at least so often, beside every rung.
        deterministic: Train in chunks that do not depend on the clock, so that whatever is judged
            by a chunk's means repeats exactly.
        ends_early: Whether it ends where it seems to lead nowhere: collapsed, or D has won. What
            does not stay finite ends in either case.
        inspects: Whether weights and gradients are described at rungs.
        monitor: How it shows itself beside its scores: calls end where something is to be printed,
            and grids of sample images are saved.
    """

    config: GANConfig
    folder: TrainingFolder
    rungs_kimg: tuple[float, ...]
    seed: int
    name: str
    max_seconds_per_kimg: float | None = None
    stop_after_seconds: float | None = None
    timeout_seconds: float | None = None
    checkpoint_seconds: float = 60.0
    deterministic: bool = False
    ends_early: bool = True
    inspects: bool = False
    monitor: MonitorConfig = UNMONITORED
