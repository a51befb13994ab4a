import numpy as np
import pytest

from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.extractors.feature_extractor import load_extractor
from tests.metrics.parity_values import draw_inception_arrays


@pytest.fixture(scope="session")
def fashion_cnn():
    return load_extractor("fashion_cnn")


@pytest.fixture
def tiny_dataset(tiny_splits):
    """Return `tiny_splits`; a test may change nothing of it."""
    return tiny_splits


@pytest.fixture(scope="session")
def tiny_splits():
    """Return three classes of 8 x 8 x 3 images that differ in their brightest channel."""

    def split(name, count):
        rng = np.random.default_rng(count)
        labels = np.arange(count, dtype=np.int32) % 3
        images = rng.integers(0, 100, (count, 8, 8, 3), dtype=np.uint8)
        images[np.arange(count), ..., labels] += 120
        return Split(f"tiny/{name}", images, labels)

    return ImageDataset(
        "tiny", split("train", 600), split("validation", 90), split("test", 60), ("r", "g", "b")
    )


@pytest.fixture(scope="session")
def inception_arrays():
    return draw_inception_arrays()
