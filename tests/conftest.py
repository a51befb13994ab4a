"""What every room's tests share: the real data, and an environment of their own."""

import os

# Before anything imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from harness.data.datasets import load_dataset
from harness.data.images import ImageDataset


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's HARNESS_ variables, except the one that says where the data lie."""
    for name in list(os.environ):
        if name.startswith("HARNESS_") and name != "HARNESS_DATA_DIR":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def fashion_mnist() -> ImageDataset:
    """Return the real Fashion-MNIST, all 70,000 images; its arrays are read-only."""
    return load_dataset("fashion_mnist")
