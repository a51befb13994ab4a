"""Score labelled images by the classifier they train (classification accuracy score)."""

import keras
import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.data.image_dataset import Split
from harness.metrics.extractors.classifier import build_classifier
from harness.metrics.extractors.extractor_training import TrainingPlan, train_classifier
from harness.metrics.extractors.feature_extractor import Extractor

DEFAULT_PLAN = TrainingPlan(epochs=5, seed=1, mirror=False)
"""Short: 10,000 images of 28 x 28 in about a minute on one core. Not mirrored: digits are not."""

# Real images that Keras reports the accuracy of after each epoch; which is not read.
_WATCHED = 10


def classification_accuracy(
    real: Split,
    fake_images: NDArray[np.uint8],
    fake_labels: NDArray[np.integer],
    *,
    plan: TrainingPlan = DEFAULT_PLAN,
) -> float:
    """Train a classifier on generated images and return its accuracy on real ones.

    A generator whose images look right but lack variety, or do not show the class asked for,
    teaches its classifier little. Put the number beside that of real training images, equally
    many and by the same plan: it is the most to be expected, and depends on both.

    Args:
        real: A labelled split; nothing is learned from it.
        fake_images: uint8, (m, height, width, channels), shaped as the real ones; at least one
            batch of the plan.
        fake_labels: Integers from 0, (m,): the classes asked for.
        plan: How to train; its seed reproduces the score up to the order of sums between threads.

    Raises:
        ScoreError: If the real images have no labels, the fakes are fewer than a batch or of
            another shape, or labels are negative.
        DataError: If the fakes are not uint8, or there is not one label an image.

    References:
        Ravuri & Vinyals 2019, arXiv 1905.10887. Deviation: a small classifier trained briefly in
        place of a ResNet-50, on as many fakes as there are, not as many as real training images.
    """
    fake = Split("generated", fake_images, np.asarray(fake_labels, dtype=np.int32))
    if real.labels is None or fake.labels is None or not len(real):
        raise ScoreError(
            f"{real.name}: classification accuracy needs labelled real images; received "
            f"{len(real)} images{' without labels' if real.labels is None else ''}. Choose a "
            f"labelled data set."
        )
    if fake.images.shape[1:] != real.images.shape[1:] or len(fake) < plan.batch_size:
        raise ScoreError(
            f"classification accuracy needs at least {plan.batch_size} generated images (a batch "
            f"of the plan) of shape {real.images.shape[1:]}; received {len(fake)} of shape "
            f"{fake.images.shape[1:]}. Generate more, for the same data set."
        )
    if fake.labels.min() < 0:
        raise ScoreError(
            f"classification accuracy needs labels from 0; received {fake.labels.min()}. Number "
            f"the classes as the data set does."
        )
    keras.utils.set_random_seed(plan.seed)
    model = build_classifier(
        fake_images.shape[1:], 1 + int(max(real.labels.max(), fake.labels.max()))
    )
    watched = Split(real.name, real.images[:_WATCHED], real.labels[:_WATCHED])
    train_classifier(model, plan, train=fake, validation=watched)
    right = Extractor("classifier", "", model).predict(real.images) == real.labels
    return float(right.mean())
