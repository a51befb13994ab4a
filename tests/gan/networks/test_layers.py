import keras
import numpy as np
import pytest

from harness.gan.networks.layers import NORMALIZATIONS, Label, normalize

RNG = np.random.default_rng(0)


def run(x, kind, labels=None, *, weights=None):
    """Return normalized x in training mode; labels steer it where given."""
    data = keras.Input(x.shape[1:])
    ids = keras.Input((), dtype="int32")
    label = None if labels is None else Label(ids, 2)
    model = keras.Model([data, ids], normalize(data, kind, "it", label=label))
    for name, value in (weights or {}).items():
        model.get_layer(name).set_weights([np.array(value)])
    ids = np.zeros(len(x), np.int32) if labels is None else np.array(labels, np.int32)
    return np.asarray(model([x.astype(np.float32), ids], training=True))


def test_conditional_batch_normalization_by_hand():
    # Two samples of one pixel and two channels: means 2 and 6, deviations 1 and 2, so +-1 each.
    x = np.array([[1.0, 4.0], [3.0, 8.0]]).reshape(2, 1, 1, 2)
    weights = {"it_gamma": [[2.0, 3.0], [10.0, 20.0]], "it_beta": [[0.5, 0.0], [0.0, 1.0]]}
    y = run(x, "batch", labels=[0, 1], weights=weights)
    # Class 0: -1 * 2 + 0.5 and -1 * 3; class 1: 1 * 10 and 1 * 20 + 1. Keras adds 0.001 to the
    # variances 1 and 4, which takes 0.05% off at most.
    np.testing.assert_allclose(y.reshape(2, 2), [[-1.5, -3.0], [10.0, 21.0]], rtol=1e-3)


def test_every_class_begins_as_plain_batch_normalization():
    x = RNG.normal(3, 2, (8, 4, 4, 3))
    labels = np.arange(8) % 2
    np.testing.assert_allclose(run(x, "batch", labels), run(x, "batch"), rtol=1e-4, atol=1e-5)


def test_conditional_batch_normalization_of_vectors():
    x = np.array([[1.0], [3.0]])
    weights = {"it_gamma": [[2.0], [4.0]], "it_beta": [[0.0], [1.0]]}
    # -1 * 2, and 1 * 4 + 1.
    np.testing.assert_allclose(run(x, "batch", [0, 1], weights=weights), [[-2], [5]], rtol=1e-3)


def test_pixel_normalization_leaves_a_mean_square_of_1_at_each_pixel():
    # Channels 3 and 4: the root mean square is sqrt(25 / 2).
    y = run(np.array([3.0, 4.0]).reshape(1, 1, 1, 2), "pixel")
    np.testing.assert_allclose(y[0, 0, 0], [3 / 12.5**0.5, 4 / 12.5**0.5], rtol=1e-6)
    y = run(RNG.normal(3, 2, (2, 4, 5, 6)), "pixel")
    np.testing.assert_allclose(np.square(y).mean(axis=-1), 1, rtol=1e-5)


def test_pixel_normalization_trains_nothing():
    layer = NORMALIZATIONS["pixel"](4, "it")
    layer.build((None, 2, 2, 4))
    assert layer.trainable_variables == []


def test_layer_normalization_takes_the_whole_sample():
    # Four values 0, 2, 4, 6: mean 3, variance 5.
    y = run(np.array([0.0, 2, 4, 6]).reshape(1, 1, 2, 2), "layer")
    np.testing.assert_allclose(y.ravel(), np.array([-3, -1, 1, 3]) / 5**0.5, rtol=1e-3)


@pytest.mark.parametrize(("channels", "groups"), [(16, 8), (12, 4), (3, 1)])
def test_group_normalization_takes_as_many_groups_as_divide(channels, groups):
    y = run(RNG.normal(3, 2, (2, 4, 4, channels)), "group")
    parts = y.reshape(2, 16, groups, channels // groups)
    np.testing.assert_allclose(parts.mean(axis=(1, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(parts.std(axis=(1, 3)), 1, rtol=1e-2)


@pytest.mark.parametrize("kind", ["layer", "group", "pixel"])
def test_the_other_samples_of_a_batch_do_not_matter(kind):
    x = RNG.normal(size=(4, 2, 2, 8))
    np.testing.assert_allclose(run(x, kind)[:1], run(x[:1], kind), rtol=1e-5, atol=1e-6)


def test_none_changes_nothing():
    x = keras.Input((2, 2, 3))
    assert normalize(x, "none", "it") is x
