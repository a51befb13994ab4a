import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.networks.discriminators import DISCRIMINATORS, build_discriminator
from harness.gan.networks.generators import GENERATORS, build_generator
from harness.gan.updates.batches import BatchSource
from harness.gan.updates.losses import get_loss
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.steps import STEPS

NORMALIZATIONS = ["none", "batch", "layer", "group", "pixel"]
PARTNERS = {"mlp": "mlp", "upsample": "conv", "dcgan": "conv", "resnet": "resnet"}


def take_step(config, shape):
    """Take one uncompiled step and return the pair; fail unless every weight stays finite."""
    images = np.random.default_rng(0).integers(0, 256, (8, *shape), dtype=np.uint8)
    labels = np.arange(8, dtype=np.int32) % 3 if config.conditional else None
    networks = [build_generator(config, shape, 3), build_discriminator(config, shape, 3)]
    optimizers = [keras.optimizers.SGD(0.01) for _ in networks]
    for optimizer, network in zip(optimizers, networks, strict=True):
        optimizer.build(network.trainable_variables)
    pair = Pair(config, get_loss(config.loss.name), *networks, *optimizers)
    feed = BatchSource(
        config, tf.constant(images), None if labels is None else tf.constant(labels)
    )
    report = STEPS[config.update.order](pair, feed, tf.constant(0, tf.int64))
    assert np.isfinite(report).all()
    for network in networks:
        assert all(np.isfinite(v).all() for v in network.trainable_variables)
    return pair


def test_every_family_has_a_partner():
    assert set(PARTNERS) == set(GENERATORS)
    assert set(PARTNERS.values()) == set(DISCRIMINATORS)


def test_a_resnet_with_all_it_has_trains_and_its_fast_twin_agrees(small_config):
    config = small_config(
        generator={"name": "resnet", "conditioning": "conditional_batch", "attention": "half"},
        discriminator={
            "name": "resnet",
            "conditioning": "auxiliary",
            "normalization": "group",
            "attention": "quarter",
            "minibatch_deviation": True,
            "spectral_normalization": True,
        },
        update={"discriminator_batches": "separate"},
    )
    pair = take_step(config, (8, 8, 3))
    inputs = {"noise": tf.ones((2, 6)), "label": tf.constant([0, 2])}
    images = pair.generator(inputs)
    np.testing.assert_allclose(pair.fast_generator(inputs), images, rtol=1e-4, atol=1e-5)
    logits = pair.discriminator({"image": images})
    twin_logits = pair.fast_discriminator({"image": images})
    np.testing.assert_allclose(twin_logits, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
@pytest.mark.parametrize("name", GENERATORS)
def test_every_family_trains_with_every_normalization(small_config, name, shape, conditional):
    for normalization in NORMALIZATIONS:
        config = small_config(
            conditional=conditional,
            generator={"name": name, "normalization": normalization},
            discriminator={"name": PARTNERS[name], "normalization": normalization},
        )
        take_step(config, shape)
