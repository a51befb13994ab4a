import dataclasses
import math

import numpy as np
import pytest

from harness.core.events import RungScored, from_record, to_record
from harness.data.image_dataset import ImageDataset
from harness.gan.config.config import GANConfig
from harness.gan.trainer import Trainer
from harness.training.histograms import histogram, inspect
from tests.training.conftest import TINY, Heard


def trainer_of(config: GANConfig, fashion_mnist: ImageDataset) -> Trainer:
    train = fashion_mnist.train
    return Trainer(config, train.images[:64], train.labels[:64], fashion_mnist.num_classes)


def changed(**fields: dict[str, object]) -> GANConfig:
    return GANConfig.model_validate(TINY.model_dump() | fields)


def test_looking_at_a_training_does_not_change_it(fashion_mnist: ImageDataset):
    # Dropout draws from seeds of its own, and normalizations keep statistics.
    layers = {"normalization": "batch", "spectral_normalization": True}
    config = changed(discriminator=TINY.discriminator.model_dump() | layers)
    watched, alone = (trainer_of(config, fashion_mnist) for _ in range(2))
    watched.advance(2)
    inspect(watched)
    watched.advance(2)
    alone.advance(4)
    before, after = alone.state(), watched.state()
    assert all((before[name] == after[name]).all() for name in before)


def test_the_gradients_are_those_that_the_next_step_applies(fashion_mnist: ImageDataset):
    penalty = {"name": "r1", "weight": 1.0, "interval": 2}
    config = changed(update={"order": "simultaneous"}, regularizer=penalty)
    trainer = trainer_of(config, fashion_mnist)
    gradients = trainer.gradients()
    trainer.advance(1)
    # Adam's first moment begins at 0 and becomes (1 - beta_1) times the gradient.
    moments = [
        value / (1 - config.optimizer.beta_1)
        for name, value in trainer.state().items()
        if name.startswith("discriminator_optimizer/") and name.endswith("momentum")
    ]
    own = [value for name, value in gradients.items() if name.startswith("discriminator/")]
    assert len(own) > 3
    for gradient, moment in zip(own, moments, strict=True):
        np.testing.assert_allclose(gradient, moment, rtol=2e-3, atol=1e-6)


def test_norms_of_a_network_add_up(fashion_mnist: ImageDataset):
    found = inspect(trainer_of(TINY, fashion_mnist))
    for network in ("generator", "discriminator"):
        parts = [n for name, n in found.gradient_norms.items() if name.startswith(f"{network}/")]
        assert min(parts) >= 0
        assert found.gradient_norms[network] == pytest.approx(math.hypot(*parts))
    assert found.weights.keys() == found.gradient_norms.keys() - {"generator", "discriminator"}
    # The MLP of latent 8 and embedding 4: its first kernel is (12, 16), 192 numbers.
    assert 192 in [sum(each.counts) for each in found.weights.values()]


def test_a_histogram_counts_every_finite_value():
    found = histogram(np.array([0.0, 1.0, 1.0, 64.0, np.nan], np.float32))
    assert (found.low, found.high) == (0.0, 64.0)
    assert (found.counts[0], found.counts[1], found.counts[-1]) == (1, 2, 1)  # bins one wide
    assert sum(found.counts) == 4


def test_rungs_tell_of_it_where_it_was_asked_for(train):
    heard = Heard()
    train(heard, rungs_kimg=(0.2,), inspects=True)
    (rung,) = heard.of(RungScored)
    assert rung.inspection.gradient_norms["generator"] > 0
    assert from_record(to_record(rung)) == rung
    silent = dataclasses.replace(rung, inspection=None)
    assert "inspection" not in to_record(silent)
    assert from_record(to_record(silent)) == silent
