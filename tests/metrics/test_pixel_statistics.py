import dataclasses

import numpy as np
import pytest

from harness.metrics.pixel_statistics import PixelStatistics


@pytest.fixture(scope="module")
def real(fashion_mnist):
    return PixelStatistics.of(fashion_mnist.validation.images)


def warnings_of(images, real):
    return PixelStatistics.of(np.clip(np.round(images), 0, 255).astype(np.uint8)).warnings(real)


def test_other_real_images_are_not_warned_of(real, fashion_mnist):
    for start in range(0, 50_000, 10_000):
        images = fashion_mnist.train.images[start : start + 10_000]
        assert PixelStatistics.of(images).warnings(real) == ()


def test_values_by_hand():
    # Two pixels of 0 beside two of 255 a row: mean 127.5, deviation 127.5, half of them bright.
    images = np.tile(np.array([0, 0, 255, 255], np.uint8), (3, 4, 1))[..., None]
    found = PixelStatistics.of(images)
    assert (found.mean, found.contrast, found.bright) == (127.5, 127.5, 0.5)
    # Rows are alike, so second differences along them are 0: no noise.
    assert found.noise == 0


def test_noise_is_its_standard_deviation():
    noisy = 128 + 10 * np.random.default_rng(0).standard_normal((200, 28, 28, 1))
    found = PixelStatistics.of(np.round(noisy).astype(np.uint8))
    assert found.noise == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x * 0.95, "darker than real images (mean grey 68"),
        (lambda x: x * 1.06, "brighter than real images"),
        (lambda x: 72 + (x - 72) * 0.85, "flatter than real images"),
        (lambda x: np.minimum(x, 240), "too few white pixels (0.00%"),
        (lambda x: x + 6 * np.random.default_rng(1).standard_normal(x.shape), "noisier than real"),
        (lambda x: (x + np.roll(x, 1, axis=1)) / 2, "smoother than real images"),
        (
            lambda x: x + 8 * (np.indices(x.shape)[1:3].sum(axis=0) % 2 * 2 - 1) * (x > 20),
            "a checkerboard of two pixels",
        ),
    ],
    ids=["darker", "brighter", "flatter", "white", "noisier", "smoother", "checkerboard"],
)
def test_each_fault_is_told_in_words(real, fashion_mnist, change, words):
    images = fashion_mnist.train.images[:2_000].astype(np.float64)
    found = warnings_of(change(images), real)
    assert any(words in text for text in found), found


def test_black_images_are_no_division_by_zero(real):
    black = PixelStatistics.of(np.zeros((10, 8, 8, 3), np.uint8))
    assert dataclasses.asdict(black)["checkerboard"] == 1.0
    assert real.warnings(black) == ()
    assert black.warnings(real)
