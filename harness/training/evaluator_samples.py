"""Sample what an evaluator wants to see: the one place where generators meet metrics."""

import numpy as np
from numpy.typing import NDArray

from harness.gan.sampling import Sampler
from harness.metrics.evaluator import Evaluator


def sample_for(evaluator: Evaluator, sampler: Sampler, *, noise_seed: int) -> NDArray[np.uint8]:
    """Return as many images as the evaluator compares, with the labels it asks for.

    Args:
        evaluator: What will score them.
        sampler: What makes them; an unconditional one ignores the labels.
        noise_seed: Origin of the noise.

    Returns:
        uint8, (num_images, height, width, channels).
    """
    labels = evaluator.labels
    count = evaluator.num_images if labels is None else None
    return sampler.sample(noise_seed=noise_seed, labels=labels, count=count)
