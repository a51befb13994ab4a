"""Hold the extractors' validity on a quick subset; reports/extractor/ has the whole of it."""

import numpy as np
import pytest

from harness.metrics.fid import GaussianStatistics, frechet_distance
from tests.extractors.residual import FOLDER, load_second_extractor
from tests.metrics.disturbances import DISTURBANCES

LEVELS = {
    "gaussian_noise": (0, 10, 40, 160),
    "blur": (0, 0.75, 1.5, 3),
    "swirl": (0, 30, 60, 120),
    "shuffled_patches": (0, 2, 6, 16),
    "salt_and_pepper": (0, 0.02, 0.1, 0.4),
    "mixed_in_digits": (0, 0.1, 0.4, 1),
    "mixed_in_shapes": (0, 0.1, 0.4, 1),
    "dropped_classes": (0, 3, 6, 9),
    "few_images_per_class": (1, 10, 50, 100),
}


@pytest.fixture(scope="module", params=["fashion_cnn", "fashion_residual"])
def extractor(request, fashion_cnn):
    return fashion_cnn if request.param == "fashion_cnn" else load_second_extractor()


@pytest.fixture(scope="module")
def reference(extractor, fashion_mnist):
    return GaussianStatistics.from_features(extractor.features(fashion_mnist.validation.images))


@pytest.mark.parametrize("name", sorted(DISTURBANCES))
def test_fid_rises_with(name, extractor, reference, fashion_mnist):
    train = fashion_mnist.train
    rows = np.concatenate([np.flatnonzero(train.labels == label)[:100] for label in range(10)])
    values = []
    for level in LEVELS[name]:
        disturbed = DISTURBANCES[name].apply(
            train.images[rows], train.labels[rows], level, np.random.default_rng(1)
        )
        statistics = GaussianStatistics.from_features(extractor.features(disturbed))
        values.append(frechet_distance(reference, statistics))
    assert (np.diff(values) > 0).all(), values


def test_second_extractor_is_small_accurate_and_different(fashion_cnn, fashion_mnist):
    second = load_second_extractor()
    test = fashion_mnist.test
    assert (second.predict(test.images) == test.labels).mean() >= 0.925
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000
    assert second.sha256 != fashion_cnn.sha256
    assert second.image_shape == fashion_cnn.image_shape
