import keras
import numpy as np
import pytest
from pydantic import ValidationError

from harness.core.errors import ConfigError
from harness.gan.networks.discriminators import DISCRIMINATORS, build_discriminator
from harness.gan.presets import load_preset


def inputs_for(config, shape):
    inputs = {"image": np.ones((2, *shape), np.float32)}
    if config.conditional:
        inputs["label"] = np.arange(2, dtype=np.int32)
    return inputs


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("mlp_cgan", 2_911_393), ("fashiongan", 1_113_345), ("tf_dcgan", 212_865)],
)
def test_presets_have_the_published_parameter_counts(preset, parameters):
    discriminator = build_discriminator(load_preset(preset), (28, 28, 1), 10)
    assert discriminator.count_params() == parameters


@pytest.mark.parametrize("conditioning", ["none", "projection", "embedding_map", "one_hot_map"])
@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 12, 1)])
def test_every_discriminator_gives_one_logit(small_config, name, conditioning, shape):
    settings = {"name": name}
    if conditioning != "none":
        settings["conditioning"] = conditioning
    config = small_config(conditional=conditioning != "none", discriminator=settings)
    discriminator = build_discriminator(config, shape, 3)
    logits = np.asarray(discriminator(inputs_for(config, shape)))
    assert logits.shape == (2, 1)
    # The two images are the same: only the label, where there is one, tells them apart by more
    # than the rounding of a batch's two halves.
    assert (abs(logits[0, 0] - logits[1, 0]) < 1e-6) == (conditioning == "none")
    assert discriminator.layers[-1].name in ("logit", "conditional_logit")


def test_a_one_hot_map_is_one_at_its_class_and_zero_elsewhere(small_config):
    config = small_config(discriminator={"name": "conv", "conditioning": "one_hot_map"})
    discriminator = build_discriminator(config, (8, 8, 1), 3)
    joined = keras.Model(discriminator.inputs, discriminator.get_layer("image_and_label").output)
    maps = np.asarray(joined(inputs_for(config, (8, 8, 1))))  # ones for images; labels 0 and 1
    assert maps.shape == (2, 8, 8, 1 + 3)
    np.testing.assert_array_equal(maps[0], np.broadcast_to([1, 1, 0, 0], (8, 8, 4)))
    np.testing.assert_array_equal(maps[1], np.broadcast_to([1, 0, 1, 0], (8, 8, 4)))


def test_pooling_passes_the_largest_value_of_each_channel(small_config):
    settings = {"name": "conv", "pooling": "max", "widths": (4, 6)}
    discriminator = build_discriminator(small_config(discriminator=settings), (28, 28, 1), 3)
    assert discriminator.get_layer("flat").output.shape == (None, 6)


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_each_layer_may_have_a_dropout_of_its_own(small_config, name):
    settings = {"name": name, "widths": (4, 8, 8), "dropout": 0.9, "dropouts": (0.0, 0.5, 0.1)}
    discriminator = build_discriminator(small_config(discriminator=settings), (8, 8, 1), 3)
    rates = {layer.name: layer.rate for layer in discriminator.layers if hasattr(layer, "rate")}
    assert rates == {"hidden_2_dropout": 0.5, "hidden_3_dropout": 0.1}


@pytest.mark.parametrize(
    "settings",
    [{"name": "conv", "dropouts": (0.1,)}, {"name": "resnet", "dropouts": (0.1, 0.1)}],
    ids=["length", "resnet"],
)
def test_dropouts_that_fit_no_layers_are_refused(small_config, settings):
    with pytest.raises(ValidationError, match=r"one share for each of the 2 hidden layers"):
        small_config(discriminator={"depth": 2, **settings})


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_an_auxiliary_classifier_adds_class_logits_and_is_told_no_label(small_config, name):
    config = small_config(discriminator={"name": name, "conditioning": "auxiliary"})
    discriminator = build_discriminator(config, (8, 8, 3), 5)
    assert [tensor.name for tensor in discriminator.inputs] == ["image"]
    assert discriminator.output_shape == (None, 1 + 5)


@pytest.mark.parametrize("normalization", ["batch", "layer", "group", "pixel"])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_normalization_fits_every_discriminator(small_config, name, normalization):
    config = small_config(discriminator={"name": name, "normalization": normalization})
    discriminator = build_discriminator(config, (8, 8, 3), 3)
    assert np.isfinite(np.asarray(discriminator(inputs_for(config, (8, 8, 3))))).all()
    assert any(layer.name.endswith("normalization") for layer in discriminator.layers)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_last_hidden_layer_sees_the_batch_vary(small_config, name):
    config = small_config(
        conditional=False,
        discriminator={"name": name, "minibatch_deviation": True},
        update={"discriminator_batches": "separate"},
    )
    discriminator = build_discriminator(config, (8, 8, 1), 0)
    images = np.stack([np.full((8, 8, 1), value, np.float32) for value in (1, 1, -1)])
    alike = np.asarray(discriminator({"image": images[:2]}))
    mixed = np.asarray(discriminator({"image": images[1:]}))
    assert abs(alike[1, 0] - mixed[0, 0]) > 1e-4  # the same image in other company


def test_the_first_two_blocks_halve_the_size(small_config):
    settings = {"name": "resnet", "depth": 3, "attention": "quarter"}
    discriminator = build_discriminator(small_config(discriminator=settings), (28, 28, 1), 3)
    shapes = [discriminator.get_layer(f"block_{i}").output.shape[1:] for i in (1, 2, 3)]
    assert shapes == [(14, 14, 4), (7, 7, 8), (7, 7, 16)]
    assert discriminator.get_layer("attention_quarter").output.shape[1:] == (7, 7, 8)


def test_projection_adds_the_inner_product_of_embedding_and_features(small_config):
    config = small_config(discriminator={"name": "mlp", "depth": 1, "leaky_slope": 0.0})
    discriminator = build_discriminator(config, (4, 4, 1), 2)
    values = {
        "hidden_1": [np.eye(16, 4), np.zeros(4)],  # features = the first four pixels
        "logit": [np.full((4, 1), 0.5), np.array([0.25])],
        "label_embedding": [np.array([[1.0, 2, 3, 4], [0, 0, 0, -1]])],
    }
    for name, weights in values.items():
        discriminator.get_layer(name).set_weights(weights)
    pixels = np.zeros((2, 16), np.float32)
    pixels[:, :4] = [1, 0, 2, 1]
    inputs = {"image": pixels.reshape(2, 4, 4, 1), "label": np.array([0, 1], np.int32)}
    # 0.5 (1+0+2+1) + 0.25 = 2.25; label 0: + 1 + 0 + 6 + 4 = 13.25; label 1: - 1 = 1.25.
    np.testing.assert_allclose(np.asarray(discriminator(inputs))[:, 0], [13.25, 1.25])


def test_normalization_skips_the_first_layer(small_config):
    settings = {"normalization": "batch", "depth": 3, "dropout": 0.2, "head_dropout": 0.5}
    discriminator = build_discriminator(small_config(discriminator=settings), (16, 16, 1), 3)
    names = [layer.name for layer in discriminator.layers]
    normalized = [name for name in names if name.endswith("normalization")]
    assert normalized == ["hidden_2_normalization", "hidden_3_normalization"]
    assert discriminator.get_layer("head_dropout").rate == 0.5
    assert discriminator.get_layer("hidden_3_dropout").rate == 0.2


def test_valid_convolutions_that_use_up_the_image_are_refused(small_config):
    settings = {"padding": "valid", "stride": 1, "kernel_size": 5, "depth": 2}
    # 8 - 4 = 4 pixels remain for the second layer of 5x5 kernels.
    with pytest.raises(ConfigError, match="leaves 4 pixels for hidden layer 2 of 2"):
        build_discriminator(small_config(discriminator=settings), (8, 8, 1), 3)
    built = build_discriminator(small_config(discriminator=settings), (12, 12, 1), 3)
    assert built.get_layer("hidden_2").output.shape == (None, 4, 4, 8)


def test_a_function_that_was_not_adopted_is_refused(small_config):
    with pytest.raises(ConfigError, match=r"received 'mine.py:judge'"):
        build_discriminator(small_config(discriminator={"name": "mine.py:judge"}), (8, 8, 1), 3)
