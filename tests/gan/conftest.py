import copy

import numpy as np
import pytest

from harness.gan.config.config import GANConfig

SMALL = {
    "batch_size": 8,
    "generator": {"latent_dim": 6, "embedding_dim": 3, "width": 4, "depth": 2},
    "discriminator": {"width": 4, "depth": 2},
    "ema": {"half_life_kimg": 0.05},
}


@pytest.fixture(scope="session")
def small_config():
    """Return a function that builds a small configuration; sections are merged."""

    def build(**changes):
        content = copy.deepcopy(SMALL)
        for key, value in changes.items():
            if isinstance(value, dict):
                content[key] = {**content.get(key, {}), **value}
            else:
                content[key] = value
        return GANConfig.model_validate(content)

    return build


@pytest.fixture(scope="session")
def small_images():
    """Return 20 images 8x8x1 whose first pixel is their number, and labels 0, 1, 2, 0, ..."""
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(20)
    return images, (np.arange(20) % 3).astype(np.int32)
