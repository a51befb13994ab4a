import keras
import pytest
import tensorflow as tf

from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import build_generator
from harness.gan.updates.batches import BatchSource
from harness.gan.updates.losses import get_loss
from harness.gan.updates.network_pair import Pair


@pytest.fixture
def build_pair(small_config, small_images):
    """Return a function that builds networks with plain gradient descent, and their feed."""

    def build(**changes):
        config = small_config(**changes)
        keras.utils.set_random_seed(7)
        networks = [
            build_generator(config, (8, 8, 1), 3),
            build_discriminator(config, (8, 8, 1), 3),
        ]
        optimizers = [keras.optimizers.SGD(0.1) for _ in networks]
        for optimizer, network in zip(optimizers, networks, strict=True):
            optimizer.build(network.trainable_variables)
        images, labels = map(tf.constant, small_images)
        pair = Pair(config, get_loss(config.loss.name), *networks, *optimizers)
        return pair, BatchSource(config, images, labels)

    return build


@pytest.fixture
def changed():
    """Return a function that names the variables of a model that differ from a copy."""

    def compare(model, before):
        return {
            variable.path
            for variable, old in zip(model.variables, before, strict=True)
            if (variable.numpy() != old).any()
        }

    return compare


@pytest.fixture
def copy_of():
    """Return a function that copies the variables of a model."""
    return lambda model: [variable.numpy().copy() for variable in model.variables]
