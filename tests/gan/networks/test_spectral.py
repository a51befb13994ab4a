import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.fast_conv import fast_convolutions
from harness.gan.networks.spectral import SpectralDense, iterate_power
from harness.gan.trainer import Trainer

SPECTRAL = {"discriminator": {"spectral_normalization": True}}


def kernels(model):
    """Return the kernel in use of every normalized layer by name, as matrices."""
    found = {}
    for layer in model.layers:
        if type(layer).__name__.startswith("Spectral"):
            used = layer.embeddings if isinstance(layer, keras.layers.Embedding) else layer.kernel
            found[layer.name] = np.asarray(used).reshape(-1, used.shape[-1])
    return found


def largest_singular_values(model):
    return {
        name: np.linalg.svd(matrix, compute_uv=False)[0] for name, matrix in kernels(model).items()
    }


@pytest.fixture
def dense():
    """Return a layer with the kernel diag(3, 1), whose direction begins at (1, 1) / sqrt(2)."""
    layer = SpectralDense(2, use_bias=False)
    layer.build((None, 2))
    layer.raw.assign([[3.0, 0.0], [0.0, 1.0]])
    return layer


def test_power_iteration_by_hand(dense):
    # |W v| = |(3, 1)| / sqrt(2) = sqrt(5).
    np.testing.assert_allclose(dense.kernel, np.diag([3, 1]) / np.sqrt(5), rtol=1e-6)
    dense.iterate_power()
    np.testing.assert_allclose(dense.kernel, np.diag([1, 1 / 3]), atol=1e-6)


def test_a_small_kernel_takes_64_steps_at_once(dense):
    # W'W stretches by 1.1 and 1: of (0, 1) + 9 / 1.1^64 (1, 0) 64 steps make (9, 1) / sqrt(82),
    # whose |W v| is sqrt(81 x 1.1 + 1) / sqrt(82).
    dense.raw.assign(np.diag([1.1**0.5, 1]))
    dense.direction.assign([[9 / 1.1**64], [1.0]])
    dense.iterate_power()
    np.testing.assert_allclose(dense.direction[:, 0], np.array([9, 1]) / np.sqrt(82), rtol=1e-3)
    norm = np.sqrt((81 * 1.1 + 1) / 82)
    np.testing.assert_allclose(dense.kernel, np.diag([1.1**0.5, 1]) / norm, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 40), (40, 3), (150, 130)])
def test_any_shape_finds_its_largest_singular_value(shape):
    layer = SpectralDense(shape[1], use_bias=False)
    layer.build((None, shape[0]))
    layer.raw.assign(np.random.default_rng(0).normal(size=shape))
    for _ in range(20):
        layer.iterate_power()
    assert np.linalg.norm(layer.kernel, 2) == pytest.approx(1, abs=0.01)


def test_the_gradient_flows_through_the_division(dense):
    dense.iterate_power()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(dense(tf.ones((1, 2))))
    # W / |W v| with v = (1, 0) by now: the sum is (a + b + c + d) / |(a, c)| at (3, 0, 0, 1). By
    # a it is 1/3 - 4/9, by the others 1/3. Without the division all would be 1.
    slope = tape.gradient(total, dense.raw.value)
    np.testing.assert_allclose(slope, [[-1 / 9, 1 / 3], [1 / 3, 1 / 3]], atol=1e-6)


def test_a_kernel_of_zeros_stays_one(dense):
    dense.raw.assign(np.zeros((2, 2)))
    dense.iterate_power()
    np.testing.assert_array_equal(dense(np.ones((1, 2))), [[0, 0]])
    assert np.isfinite(dense.direction).all()


@pytest.mark.parametrize(
    ("changes", "normalized"),
    [
        ({}, {"hidden_1", "hidden_2", "label_embedding", "logit"}),
        ({"conditioning": "embedding_map"}, {"hidden_1", "hidden_2", "logit"}),
        ({"name": "mlp"}, {"hidden_1", "hidden_2", "label_embedding", "logit"}),
    ],
)
def test_what_the_image_passes_is_normalized(small_config, changes, normalized):
    # A map of the label stands beside the image and multiplies nothing.
    config = small_config(discriminator={"spectral_normalization": True, **changes})
    model = build_discriminator(config, (8, 8, 1), 3)
    assert kernels(model).keys() == normalized
    plain = build_discriminator(small_config(discriminator=changes), (8, 8, 1), 3)
    trained = [[tuple(v.shape) for v in each.trainable_variables] for each in (model, plain)]
    assert trained[0] == trained[1]
    assert [layer.name for layer in model.layers] == [layer.name for layer in plain.layers]


def test_fast_passes_use_the_normalized_kernel(small_config):
    model = build_discriminator(small_config(**SPECTRAL), (8, 8, 1), 3)
    twin = fast_convolutions(model)
    assert sum(type(layer).__name__ == "_Convolution" for layer in twin.layers) == 2
    inputs = {
        "image": np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype(np.float32),
        "label": np.arange(4, dtype=np.int32) % 3,
    }
    before = model(inputs)
    np.testing.assert_allclose(twin(inputs, training=True), before, rtol=1e-4, atol=1e-5)
    layer = model.get_layer("hidden_2")
    layer.direction.assign(np.eye(*layer.direction.shape))
    assert np.abs(model(inputs) - before).max() > 1e-3
    np.testing.assert_allclose(twin(inputs, training=True), model(inputs), rtol=1e-4, atol=1e-5)


def test_a_saved_discriminator_judges_the_same(small_config, tmp_path):
    model = build_discriminator(small_config(**SPECTRAL), (8, 8, 1), 3)
    iterate_power(model)
    model.save(tmp_path / "discriminator.keras")
    loaded = keras.models.load_model(tmp_path / "discriminator.keras")
    inputs = {"image": np.ones((2, 8, 8, 1), np.float32), "label": np.arange(2, dtype=np.int32)}
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    for one, other in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_new_networks_kernels_have_the_norm_1(small_config):
    model = build_discriminator(small_config(**SPECTRAL), (8, 8, 1), 3)
    for name, value in largest_singular_values(model).items():
        assert value == pytest.approx(1, abs=0.05), name


@pytest.mark.parametrize("batches", ["joint", "separate", "sequential"])
def test_power_iteration_follows_each_update_of_d_and_nothing_else(
    small_config, small_images, batches
):
    # After any update the directions are what one more iteration from there hardly changes.
    settings = {"discriminator_batches": batches, "discriminator_steps": 2}
    trainer = Trainer(small_config(**SPECTRAL, update=settings), *small_images, 3)
    trainer.advance(5)
    for name, value in largest_singular_values(trainer.discriminator).items():
        assert value == pytest.approx(1, abs=0.01), name
    before = kernels(trainer.discriminator)
    trainer.gradients()
    for name, kernel in kernels(trainer.discriminator).items():
        np.testing.assert_array_equal(kernel, before[name])


@pytest.fixture(scope="module")
def trained(small_config, fashion_mnist):
    """Return a trainer with a small discriminator that saw 4,800 real Fashion-MNIST images."""
    config = small_config(**SPECTRAL, batch_size=24)
    train = fashion_mnist.train
    trainer = Trainer(config, train.images[:4800], train.labels[:4800], 10)
    trainer.advance(200)
    return trainer


def test_the_largest_singular_value_is_one_after_training(trained):
    values = largest_singular_values(trained.discriminator)
    assert values.keys() == {"hidden_1", "hidden_2", "label_embedding", "logit"}
    for name, value in values.items():
        assert value == pytest.approx(1, abs=0.05), name
    # What is trained has gone elsewhere: it is the division that holds the value.
    raw = {
        layer.name: np.linalg.norm(layer.raw.numpy().reshape(-1, layer.raw.shape[-1]), 2)
        for layer in trained.discriminator.layers
        if layer.name in values
    }
    assert max(abs(value - 1) for value in raw.values()) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("batches", ["joint", "separate", "sequential"])
@pytest.mark.parametrize("network", [{"name": "conv"}, {"name": "resnet", "attention": "half"}])
def test_it_is_one_at_any_moment_of_a_training(
    small_config, fashion_mnist, network, batches, seed
):
    config = small_config(
        seed=seed,
        batch_size=24,
        generator={"learning_rate": 1e-3},
        discriminator={**SPECTRAL["discriminator"], **network, "width": 8, "learning_rate": 1e-3},
        update={"discriminator_batches": batches},
    )
    train = fashion_mnist.train
    trainer = Trainer(config, train.images[:4800], train.labels[:4800], 10)
    for _ in range(20):
        trainer.advance(7)
        for name, value in largest_singular_values(trainer.discriminator).items():
            assert value == pytest.approx(1, abs=0.05), name


@pytest.mark.parametrize("training", [False, True])
def test_judging_changes_nothing(trained, training):
    before = trained.state()
    values = largest_singular_values(trained.discriminator)
    inputs = {
        "image": np.ones((5, 28, 28, 1), np.float32),
        "label": np.arange(5, dtype=np.int32),
    }
    trained.discriminator(inputs, training=training)
    trained._pair.fast_discriminator(inputs, training=training)
    assert largest_singular_values(trained.discriminator) == values
    after = trained.state()
    assert all((before[name] == after[name]).all() for name in before)
