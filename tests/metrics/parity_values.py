"""Make anew what an independent implementation says of the metrics' inputs: `make parity`.

PyTorch is large, so the values are stored beside this file, in `parity/`, and the tests compare
with them; only this module, and the tests marked `torch`, need it installed.
"""

import importlib.metadata
import json
import sys
import tempfile
import types
import warnings
from pathlib import Path

import numpy as np

from harness.metrics.extractors.inception import build_inception, weight_shapes

FOLDER = Path(__file__).parent / "parity"
KID_DIMENSIONS = (8, 240)
FID_DIMENSIONS = 24
IMAGE_SHAPES = ((28, 28, 1), (32, 32, 3))
NUM_IMAGES = 5


def draw_features(count, dimensions, *, seed, shift=0.0):
    """Return (count, dimensions) features around a shift."""
    return np.random.default_rng(seed).normal(size=(count, dimensions)) + shift


def kid_inputs(dimensions):
    return (
        draw_features(200, dimensions, seed=2),
        draw_features(200, dimensions, seed=3, shift=0.2),
    )


def fid_inputs():
    return (
        draw_features(300, FID_DIMENSIONS, seed=4),
        draw_features(200, FID_DIMENSIONS, seed=5, shift=0.2),
    )


def precision_recall_inputs():
    return draw_features(500, 24, seed=0), draw_features(400, 24, seed=1, shift=0.3)


def draw_images(height, width, channels):
    """Return noise, coarse noise and two constant images: fine and broad structure, and none."""
    rng = np.random.default_rng(height)
    images = rng.integers(0, 256, (NUM_IMAGES, height, width, channels), dtype=np.uint8)
    coarse = rng.integers(0, 256, (height // 4, width // 4, channels), dtype=np.uint8)
    images[2] = coarse.repeat(4, axis=0).repeat(4, axis=1)
    images[3], images[4] = 0, 255
    return images


def draw_inception_arrays():
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


def stored_value(name):
    """Return a number that the independent implementation gave."""
    return json.loads((FOLDER / "values.json").read_text(encoding="utf-8"))["values"][name]


def stored_outputs(image_shape):
    """Return the features and logits of `draw_images` by the independent network."""
    with np.load(FOLDER / f"inception_{image_shape[0]}.npz") as arrays:
        return arrays["features"], arrays["logits"]


def main():
    _stand_in_for_torchvision()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what others' packages say while they load
        from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
        from torch_fidelity.metric_kid import kid_features_to_metric
        from torch_fidelity.metric_prc import prc_features_to_metric
    import torch

    def tensors(inputs):
        return [torch.from_numpy(features) for features in reversed(inputs)]  # the fakes first

    values = {}
    for dimensions in KID_DIMENSIONS:
        kid = kid_features_to_metric(
            *tensors(kid_inputs(dimensions)), kid_subsets=1, kid_subset_size=200, verbose=False
        )
        values[f"kid_{dimensions}"] = float(kid["kernel_inception_distance_mean"])
    statistics = [fid_features_to_statistics(features) for features in tensors(fid_inputs())]
    fid = fid_statistics_to_metric(*statistics, verbose=False)
    values["fid"] = float(fid["frechet_inception_distance"])
    scores = prc_features_to_metric(*tensors(precision_recall_inputs()), verbose=False)
    values |= {name: float(scores[name]) for name in ("precision", "recall")}

    packages = ("torch", "torch-fidelity", "numpy")
    record = {
        "made_by": "make parity",
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "values": values,
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "values.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    _store_inception_outputs()
    print(json.dumps(record, indent=2))


def _store_inception_outputs():
    import torch
    import torch_fidelity

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        arrays = draw_inception_arrays()
        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
        network = torch_fidelity.FeatureExtractorInceptionV3(
            "inception", ["2048", "logits"], feature_extractor_weights_path=str(path)
        )
    for shape in IMAGE_SHAPES:
        images = draw_images(*shape)
        rgb = np.broadcast_to(images, (*images.shape[:3], 3)).transpose(0, 3, 1, 2)
        features, logits = network(torch.from_numpy(rgb.copy()))
        np.savez_compressed(
            FOLDER / f"inception_{shape[0]}.npz", features=features.numpy(), logits=logits.numpy()
        )


def _stand_in_for_torchvision():
    """Make empty modules of it: torch-fidelity imports it, and its metrics use none of it."""
    names = [
        "torchvision",
        *(f"torchvision.{part}" for part in ("datasets", "transforms", "transforms.functional")),
    ]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    for name in names[1:]:
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, sys.modules[name])
    for name in ("CIFAR10", "CIFAR100", "STL10"):  # parents of classes of torch-fidelity
        setattr(sys.modules["torchvision.datasets"], name, object)


if __name__ == "__main__":
    main()
