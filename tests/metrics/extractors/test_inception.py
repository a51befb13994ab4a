import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.core.errors import ConfigError, ScoreError
from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors import inception
from harness.metrics.extractors.feature_extractor import Extractor, load_extractor
from harness.metrics.extractors.inception import (
    build_inception,
    hash_weights,
    set_inception_weights,
    weight_shapes,
)
from tests.metrics.parity_values import IMAGE_SHAPES, NUM_IMAGES, draw_images, stored_outputs


def extractor_for(image_shape, arrays):
    model = build_inception(image_shape)
    set_inception_weights(model, arrays)
    return Extractor("inception", hash_weights(arrays), model, batch_size=NUM_IMAGES)


@pytest.mark.parametrize("image_shape", IMAGE_SHAPES)
def test_features_are_those_of_an_independent_implementation(image_shape, inception_arrays):
    images = draw_images(*image_shape)
    features, logits = stored_outputs(image_shape)
    assert features.shape == (NUM_IMAGES, 2_048)
    # Neither dead nor exploded, and the images differ: otherwise equality would say little.
    assert 0.1 < features.mean() < 10
    assert (features < 0.01 * features.mean()).mean() < 0.1
    assert np.ptp(features, axis=0).mean() > 0.05 * features.mean()
    extractor = extractor_for(image_shape, inception_arrays)
    np.testing.assert_allclose(extractor.features(images), features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(extractor.logits(images), logits, rtol=1e-4, atol=1e-4)


def test_outputs_are_2048_features_and_1008_logits():
    model = build_inception((28, 28, 1))
    assert model.output_shape == [(None, 2_048), (None, 1_008)]
    # 94 convolutions of five arrays each, and two of the last layer.
    assert len(weight_shapes(model)) == 94 * 5 + 2
    assert weight_shapes(model)["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert weight_shapes(model)["fc.weight"] == (1_008, 2_048)


def network_input(images):
    model = build_inception(images.shape[1:])
    start = keras.Model(model.input, model.get_layer("Conv2d_1a_3x3").input)
    return start.predict_on_batch(images.astype(np.float32))


@pytest.mark.parametrize(("value", "expected"), [(0, -1.0), (128, 0.0), (255, 127 / 128)])
def test_a_constant_image_enters_the_network_at_its_value(value, expected):
    entered = network_input(np.full((1, 28, 28, 1), value, np.uint8))
    assert entered.shape == (1, 299, 299, 3)
    np.testing.assert_array_equal(entered, np.float32(expected))


def test_the_resize_is_that_of_tensorflow_1():
    # 299 = 13 · 23: output pixel 13 k + j looks at input position k + j / 13, which holds
    # 10 (k + j / 13), and from 13 · 22 on at the last pixel. A centred resize would begin with
    # six pixels of 0.
    ramp = np.broadcast_to(10 * np.arange(23, dtype=np.uint8)[:, None], (1, 23, 23, 1))
    expected = np.minimum(10 * np.arange(299) / 13, 220)
    for images, axis in ((ramp.transpose(0, 2, 1, 3), 1), (ramp, 2)):
        entered = network_input(images)[0, ..., 0].take(150, axis=2 - axis) * 128 + 128
        np.testing.assert_allclose(entered, expected, atol=1e-4)


def test_averages_leave_out_padded_zeros():
    np.testing.assert_array_equal(inception._average(np.ones((1, 4, 4, 1), np.float32)), 1.0)


def test_batch_normalization_is_folded_into_the_convolution(inception_arrays):
    name = "Conv2d_1a_3x3"
    constants = {"weight": 6.0, "bias": 5.0, "running_mean": 2.0, "running_var": 8.999}
    arrays = dict(inception_arrays)
    for part, value in constants.items():
        arrays[f"{name}.bn.{part}"] = np.full(32, value, np.float32)
    model = build_inception((8, 8, 1))
    set_inception_weights(model, arrays)
    kernel, bias = model.get_layer(name).get_weights()
    # 6 (x - 2) / sqrt(8.999 + 0.001) + 5 = 2 x + 1
    expected = 2 * arrays[f"{name}.conv.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)
    np.testing.assert_allclose(bias, 1.0, rtol=1e-6)


def test_grey_images_count_as_three_equal_channels():
    grey = draw_images(12, 20, 1)
    np.testing.assert_array_equal(network_input(grey), network_input(grey.repeat(3, axis=3)))


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(ConfigError, match="takes images of 1 or 3 channels; received 2"):
        build_inception((28, 28, 2))


def test_the_hash_tells_values_names_and_shapes_apart():
    def hash_of(**arrays):
        return hash_weights({n: np.array(a, np.float32) for n, a in arrays.items()})

    base = hash_of(a=[1, 2], b=[3])
    assert base == hash_of(b=[3], a=[1, 2])
    others = [hash_of(a=[1, 3], b=[3]), hash_of(a=[1, 2], c=[3]), hash_of(a=[[1, 2]], b=[3])]
    assert len({base, *others}) == 4


@pytest.fixture(scope="module")
def weights(inception_arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    save_file(inception_arrays, path)
    return path


@pytest.mark.slow
def test_an_evaluator_scores_by_inception(weights, inception_arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(inception, "BATCH_SIZE", NUM_IMAGES)  # 50 padded images take their time
    monkeypatch.setenv("HARNESS_INCEPTION_WEIGHTS", str(weights))
    images = draw_images(16, 16, 3)
    split = Split("tiny/all", images, np.arange(NUM_IMAGES, dtype=np.int32) % 2)
    dataset = ImageDataset("tiny", split, split, split, ("a", "b"))
    evaluator = Evaluator(
        dataset, extractor="inception", num_images=NUM_IMAGES, cache_dir=tmp_path
    )
    assert evaluator.protocol.name == f"fid_inception@{NUM_IMAGES}"
    assert evaluator.protocol.resize == "bilinear 299x299, TF1"
    assert evaluator.protocol.extractor_sha256 == hash_weights(inception_arrays)
    assert 1.0 < evaluator.fid(255 - images) < np.inf
    with pytest.raises(ScoreError, match="inception: its classes are not those of the data set"):
        evaluator.label_accuracy(images, split.labels)


def test_the_shape_of_the_images_has_to_be_told(weights):
    with pytest.raises(ConfigError, match="Pass image_shape"):
        load_extractor("inception", weights=weights)


def test_an_extractor_that_brings_its_weights_refuses_others(weights):
    with pytest.raises(ConfigError, match="the extractor fashion_cnn brings its own"):
        load_extractor("fashion_cnn", weights=weights)
