import numpy as np
import pytest
import tensorflow as tf

from harness.gan.updates.steps import STEPS, discriminator_update, generator_update

ZERO = tf.constant(0, tf.int64)


def tell(pair, logits):
    """Let D answer any image with these logits: its own, then those of the classes."""
    for name, biases in {"logit": logits[:1], "classes": logits[1:]}.items():
        head = pair.discriminator.get_layer(name)
        kernel, _ = head.get_weights()
        head.set_weights([np.zeros_like(kernel), np.array(biases, np.float32)])


def auxiliary(build_pair, **changes):
    settings = {"conditioning": "auxiliary", **changes.pop("discriminator", {})}
    return build_pair(discriminator=settings, **changes)


def test_the_class_loss_is_the_weighted_cross_entropy_at_the_labels(build_pair):
    pair, _ = auxiliary(build_pair, loss={"auxiliary_weight": 0.5})
    tell(pair, [2.0, 0.0, np.log(2.0), 0.0])
    images, labels = tf.zeros((8, 8, 8, 1)), tf.constant([1] * 4 + [0] * 4)
    logits, loss = pair.judge_classes(images, labels, training=True)
    np.testing.assert_array_equal(logits, np.full((8, 1), 2.0))
    # Shares 1/4, 2/4 and 1/4: -log 0.5 for half of the labels, -log 0.25 for the others.
    np.testing.assert_allclose(loss, 0.5 * (np.log(2) + np.log(4)) / 2, rtol=1e-6)


@pytest.mark.parametrize("batches", ["joint", "separate", "sequential"])
def test_d_pays_for_the_classes_of_real_images_alone(build_pair, batches):
    pair, feed = auxiliary(build_pair, update={"discriminator_batches": batches})
    tell(pair, [0.0, 0.0, np.log(2.0), 0.0])
    (loss, _, _), _ = discriminator_update(pair, feed, ZERO)
    _, labels = feed.real(ZERO)
    classes = np.where(np.asarray(labels) == 1, np.log(2), np.log(4)).mean()
    # Logits of 0 cost log 2 for real and for fake. In sequence the fakes meet a D that is one
    # small update further; to pay for their classes too would cost another 1.1.
    tolerance = 0.1 if batches == "sequential" else 1e-5
    np.testing.assert_allclose(loss, 2 * np.log(2) + classes, atol=tolerance)


def test_g_pays_where_d_reads_another_class(build_pair):
    pair, feed = auxiliary(build_pair)
    tell(pair, [0.0, 0.0, 0.0, np.log(6.0)])
    loss = generator_update(pair, feed, ZERO, (None, tf.constant([2, 2, 0, 1] * 2)))
    # log 2 for a logit of 0; shares 1/8, 1/8 and 6/8.
    classes = (np.log(8 / 6) + np.log(8)) / 2
    np.testing.assert_allclose(loss, np.log(2) + classes, rtol=1e-5)


@pytest.mark.parametrize("order", STEPS)
def test_both_networks_learn_from_the_classes(build_pair, order):
    moved = []
    for weight in (1e-6, 1.0):
        pair, feed = auxiliary(
            build_pair, update={"order": order}, loss={"auxiliary_weight": weight}
        )
        report = STEPS[order](pair, feed, ZERO)
        assert np.isfinite(report).all()
        networks = (pair.generator, pair.discriminator)
        moved.append([n.trainable_variables[0].numpy().copy() for n in networks])
    for light, heavy in zip(*moved, strict=True):
        assert np.abs(light - heavy).max() > 1e-6


def test_an_unconditional_gan_has_no_classes(build_pair):
    pair, _ = auxiliary(build_pair, conditional=False)
    assert pair.discriminator.output_shape == (None, 1)
    assert pair.judge_classes(tf.zeros((8, 8, 8, 1)), None, training=True)[1] == 0.0
