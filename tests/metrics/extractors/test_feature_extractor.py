import json
import shutil

import numpy as np
import pytest

from harness.core.errors import ConfigError, ScoreError, StorageError
from harness.metrics.extractors import feature_extractor
from harness.metrics.extractors.classifier import build_classifier, build_stacked
from harness.metrics.extractors.feature_extractor import (
    EMBEDDED_FOLDER,
    Extractor,
    load_extractor,
)
from tests.extractors.residual import build_residual


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (1_203, 28, 28, 1), dtype=np.uint8)


def test_embedded_classifier_reaches_93_percent_of_the_test_split(fashion_cnn, fashion_mnist):
    predicted = fashion_cnn.predict(fashion_mnist.test.images)
    assert (predicted == fashion_mnist.test.labels).mean() >= 0.93


def test_embedded_weights_are_small_and_stated_truly(fashion_cnn, fashion_mnist):
    folder = EMBEDDED_FOLDER / "fashion_cnn"
    record = json.loads((folder / "extractor.json").read_text())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    assert fashion_cnn.sha256 == record["sha256"]
    assert record["train_sha256"] == fashion_mnist.train.sha256


def test_features_and_predictions_have_a_row_an_image(fashion_cnn, images):
    features = fashion_cnn.features(images)
    assert features.dtype == np.float32
    assert features.shape == (1_203, 240)
    assert fashion_cnn.logits(images).shape == (1_203, 10)
    assert fashion_cnn.predict(images).dtype == np.int32


def test_features_do_not_depend_on_the_other_images(fashion_cnn, images):
    # 1,203 images fill two batches of 500 and part of a third.
    together = fashion_cnn.features(images)
    alone = fashion_cnn.features(images[1_200:1_201])
    np.testing.assert_allclose(alone[0], together[1_200], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("build", [build_classifier, build_stacked, build_residual])
def test_folding_normalization_into_kernels_leaves_the_features(build, images):
    model = build((28, 28, 1), 10)
    rng = np.random.default_rng(3)
    # Statistics as a training leaves them, none of them 0 or 1.
    model.set_weights(
        [rng.uniform(0.5, 1.5, w.shape).astype(np.float32) - 0.4 for w in model.get_weights()]
    )
    batch = images[:20].astype(np.float32)
    before, _ = model(batch, training=False)
    after = Extractor("any", "", model).features(images[:20])
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())


@pytest.mark.parametrize("scale", [1 / 255, 1.0])
def test_floats_are_refused(fashion_cnn, images, scale):
    with pytest.raises(ScoreError, match="must be uint8 from 0 to 255; received float32"):
        fashion_cnn.features((images * scale).astype(np.float32))


@pytest.mark.parametrize("shape", [(4, 32, 32, 3), (4, 28, 28), (28, 28, 1), (0, 28, 28, 1)])
def test_other_shapes_are_refused(fashion_cnn, shape):
    with pytest.raises(ScoreError, match=r"\(n, 28, 28, 1\), n at least 1; received"):
        fashion_cnn.features(np.zeros(shape, np.uint8))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'fashion_cnn'"):
        load_extractor("fashion_cn")


def test_damaged_embedded_weights_are_refused(tmp_path, monkeypatch):
    shutil.copytree(EMBEDDED_FOLDER, tmp_path / "weights")
    path = tmp_path / "weights" / "fashion_cnn" / "weights.npz"
    path.write_bytes(path.read_bytes()[:-1])
    monkeypatch.setattr(feature_extractor, "EMBEDDED_FOLDER", tmp_path / "weights")
    with pytest.raises(StorageError, match="reinstall the package"):
        load_extractor("fashion_cnn")


def test_the_embedded_folder_also_loads_by_path(fashion_cnn, images):
    by_path = load_extractor(EMBEDDED_FOLDER / "fashion_cnn")
    assert by_path.name.startswith("fashion_mnist_classifier_")
    np.testing.assert_array_equal(by_path.features(images[:5]), fashion_cnn.features(images[:5]))


def test_an_incomplete_record_is_refused(tmp_path):
    (tmp_path / "extractor.json").write_text('{"sha256": "0"}')
    with pytest.raises(ConfigError, match=r"extractor\.json: expected id, sha256"):
        load_extractor(tmp_path)


@pytest.mark.parametrize(("shape", "classes"), [((8, 8, 1), 10**9), ((10**6, 8, 3), 2)])
def test_a_record_that_claims_a_huge_network_is_refused(tmp_path, shape, classes):
    record = {"id": "x", "sha256": "0", "image_shape": shape, "num_classes": classes}
    (tmp_path / "extractor.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="expected whole numbers from 1 to"):
        load_extractor(tmp_path)
