"""Estimate a training from a few steps that leave no trace."""

import numpy as np
import pytest

from harness.data.image_dataset import ImageDataset
from harness.gan.sampling import Sampler
from harness.gan.trainer import Trainer
from harness.metrics.evaluator import Evaluator
from harness.training.calibration import Costs, Estimate, measure
from tests.training.conftest import TINY


def test_an_estimate_adds_training_scores_and_grids():
    costs = Costs(seconds_per_kimg=2.0, seconds_per_score=10.0, seconds_per_grid=0.5)
    # 100 kimg at 2 s, 9 scores at 10 s, 4 grids at half a second: 200 + 90 + 2.
    assert Estimate(costs, kimg=100, scores=9, grids=4).seconds == pytest.approx(292)


def test_measuring_takes_time_and_leaves_the_trainer_as_it_was(
    fashion_mnist: ImageDataset, evaluator: Evaluator
):
    train = fashion_mnist.train
    trainer = Trainer(TINY, train.images, train.labels, 10)
    trainer.advance(3)
    before = trainer.state()
    costs = measure(trainer, Sampler(trainer.ema_generator), evaluator)
    assert min(costs.seconds_per_kimg, costs.seconds_per_grid, costs.seconds_per_score) > 0
    # The evaluator compares 1,000 images, two calls of the sampler.
    assert costs.seconds_per_score >= 2 * costs.seconds_per_grid
    after = trainer.state()
    assert trainer.step == 3
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name], err_msg=name)
