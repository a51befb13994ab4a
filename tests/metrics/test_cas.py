import dataclasses

import numpy as np
import pytest

from harness.core.errors import DataError, ScoreError
from harness.data.image_dataset import Split
from harness.metrics.cas import classification_accuracy
from harness.metrics.extractors.extractor_training import TrainingPlan

PLAN = TrainingPlan(epochs=3, batch_size=25, mirror=False)


def score(dataset, images=None, labels=None, plan=PLAN):
    train = dataset.train
    return classification_accuracy(
        dataset.test,
        train.images if images is None else images,
        train.labels if labels is None else labels,
        plan=plan,
    )


@pytest.mark.slow
def test_images_teach_the_classes_they_are_labelled_with(tiny_dataset):
    labels = tiny_dataset.train.labels
    # The third class is learned as it is, the other two exchanged: 20 of 60 test images.
    accuracy = score(tiny_dataset, labels=np.where(labels == 2, 2, 1 - labels))
    assert accuracy == pytest.approx(1 / 3, abs=0.05)
    assert score(tiny_dataset) > 0.95


@pytest.mark.slow
def test_one_constant_image_teaches_nothing_and_a_seed_reproduces_it(tiny_dataset):
    images = np.full_like(tiny_dataset.train.images[:100], 7)
    plan = dataclasses.replace(PLAN, epochs=2)
    one, other = (
        score(tiny_dataset, images, tiny_dataset.train.labels[:100], plan) for _ in range(2)
    )
    # A guess is right in a third of the cases.
    assert one < 0.7
    assert one == pytest.approx(other, abs=0.02)


def test_refuses_real_images_without_labels(tiny_dataset):
    unlabelled = Split("plain/test", tiny_dataset.test.images)
    with pytest.raises(ScoreError, match=r"plain/test: .* received 60 images without labels"):
        score(dataclasses.replace(tiny_dataset, test=unlabelled))


@pytest.mark.parametrize("shape", [(600, 8, 8, 1), (24, 8, 8, 3)], ids=["grey", "few"])
def test_refuses_fewer_fakes_than_a_batch_or_of_another_shape(tiny_dataset, shape):
    with pytest.raises(ScoreError, match=r"at least 25 .* of shape \(8, 8, 3\); received"):
        score(tiny_dataset, np.zeros(shape, np.uint8), np.zeros(shape[0], np.int32))


def test_refuses_negative_labels(tiny_dataset):
    with pytest.raises(ScoreError, match="needs labels from 0; received -1"):
        score(tiny_dataset, labels=tiny_dataset.train.labels - 1)


def test_refuses_scaled_images(tiny_dataset):
    with pytest.raises(DataError, match="images must be uint8"):
        score(tiny_dataset, tiny_dataset.train.images / 255.0)
