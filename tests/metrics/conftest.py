import importlib
import importlib.util
import sys
import types
import warnings

import numpy as np
import pytest

from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.extractors.feature_extractor import load_extractor
from harness.metrics.extractors.inception import build_inception, weight_shapes


@pytest.fixture(scope="session")
def fashion_cnn():
    return load_extractor("fashion_cnn")


@pytest.fixture
def tiny_dataset():
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
    """Return random weights of the FID Inception under which activations keep their size."""
    rng = np.random.default_rng(0)

    def draw(name, shape):
        last = name.startswith("Mixed_7c")
        if name.endswith("conv.weight") or name == "fc.weight":
            return rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[1:])), shape)
        if name.endswith(("bn.weight", "running_var")):
            return rng.uniform(0.5, 1.5, shape) / (4.0 if last and "weight" in name else 1.0)
        # The last block is shifted upwards: few features are near zero, where a relative error
        # says nothing.
        return rng.normal(0.0, 0.2, shape) + (3.0 if last and name.endswith("bn.bias") else 0.0)

    shapes = weight_shapes(build_inception((8, 8, 1)))
    return {name: draw(name, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def torch_fidelity():
    """Return the independent implementation of the metrics, or skip.

    It imports torchvision, of which the metrics need nothing: an empty stand-in will do.
    """
    for name in ("torch", "torch_fidelity"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: see tests/parity-requirements.txt")
    if importlib.util.find_spec("torchvision") is None:
        _stand_in_for_torchvision()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what others' packages say while they load
        return importlib.import_module("torch_fidelity")


def _stand_in_for_torchvision():
    parts = ("torchvision", "datasets", "transforms", "transforms.functional")
    names = [parts[0]] + [f"{parts[0]}.{part}" for part in parts[1:]]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    for name in names[1:]:
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, sys.modules[name])
    for name in ("CIFAR10", "CIFAR100", "STL10"):  # parents of classes of torch-fidelity
        setattr(sys.modules["torchvision.datasets"], name, object)
