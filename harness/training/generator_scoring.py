"""Score generators: sample what an evaluator asks for, and judge kept ones on the test split."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from harness.core.outcome import Outcome, State
from harness.core.seeds import derive_seed
from harness.gan.sampling import Sampler, load_generator
from harness.metrics.evaluator import Evaluator
from harness.training.job import TrainingJob


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


def with_test_score(outcome: Outcome, job: TrainingJob, evaluator: Evaluator) -> Outcome:
    """Return an outcome with a test score of this protocol; as it is if it has no generator.

    What is scored is the generator that the training kept, of the best rung on the validation
    split: nothing is selected on the test split.

    Args:
        outcome: How it ended.
        job: What was trained; its seed and name give the noise, which is no other score's.
        evaluator: Of the test split, which neither trainings nor searches ever see.

    Raises:
        StorageError: If the kept generator cannot be loaded.
    """
    known = any(score.protocol == evaluator.protocol for score in outcome.tests)
    if known or outcome.state is not State.COMPLETE or outcome.final is None:
        return outcome
    seed = derive_seed(job.seed, job.name, "test noise")
    images = sample_for(
        evaluator, Sampler(load_generator(job.folder.generator_file)), noise_seed=seed
    )
    score = evaluator.score(images, kimg=outcome.final.kimg, noise_seed=seed)
    return dataclasses.replace(outcome, tests=(*outcome.tests, score))
