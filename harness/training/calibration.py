"""Estimate how long a training will take, from its first steps, before it begins."""

import dataclasses
import functools
import time
from collections.abc import Callable

import numpy as np

from harness.gan.sampling import Sampler
from harness.gan.trainer import Trainer
from harness.metrics.evaluator import Evaluator

_SECONDS = 1.0
_SLOW_SECONDS = 5.0
"""A first call that takes so long is not repeated: what it compiled is little beside it."""


@dataclasses.dataclass(frozen=True)
class Costs:
    """What the parts of a training were measured to take.

    Args:
        seconds_per_kimg: Training.
        seconds_per_score: Sampling and judging what a score compares.
        seconds_per_grid: Sampling a grid of images.
    """

    seconds_per_kimg: float
    seconds_per_score: float
    seconds_per_grid: float


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a training will take, from its costs and what is ahead.

    Args:
        costs: What was measured.
        kimg: Still to train.
        scores: Still to come, the final one included.
        grids: Still to come beside those of the scores.
    """

    costs: Costs
    kimg: float
    scores: int
    grids: int = 0

    @property
    def seconds(self) -> float:
        """Return what all of it will take."""
        costs = self.costs
        return (
            self.kimg * costs.seconds_per_kimg
            + self.scores * costs.seconds_per_score
            + self.grids * costs.seconds_per_grid
        )


def measure(trainer: Trainer, sampler: Sampler, evaluator: Evaluator) -> Costs:
    """Take a few steps and samples, time them, and leave the trainer as it was.

    What they compiled is kept, so a fast GAN loses about two seconds.

    Args:
        trainer: At any step.
        sampler: Of its generator.
        evaluator: What will score it.
    """
    per_step = _seconds_per_step(trainer)
    per_grid = _twice(lambda: sampler.sample(noise_seed=0, labels=np.zeros(1, np.int32)))
    images = np.zeros((sampler.batch_size, *sampler.generator.output_shape[1:]), np.uint8)
    judging = _twice(lambda: evaluator.diversity(images))
    calls = -(-evaluator.num_images // sampler.batch_size)  # each makes a batch at once
    return Costs(
        seconds_per_kimg=per_step / trainer.kimg_per_step,
        seconds_per_score=per_grid * calls + judging * evaluator.num_images / len(images),
        seconds_per_grid=per_grid,
    )


def _seconds_per_step(trainer: Trainer) -> float:
    before = trainer.state()
    steps, seconds = 1, _timed(lambda: trainer.advance(1))  # compiles
    if seconds < _SLOW_SECONDS:
        steps, seconds = 0, 0.0
        while seconds < _SECONDS:
            more = max(1, steps)  # doubles, until it takes long enough to be timed
            seconds += _timed(functools.partial(trainer.advance, more))
            steps += more
    trainer.load_state(before)
    return seconds / steps


def _twice(call: Callable[[], object]) -> float:
    """Return the time of the second call, or of the first where that is long already."""
    seconds = _timed(call)
    return seconds if seconds > _SLOW_SECONDS else _timed(call)


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
