"""Add the page in which a generator can be played with to the bundle that holds its ONNX file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import MissingExtraError
from harness.core.files import read_json, write_text
from harness.exporting.explorer_files import DIRECTIONS, FOLDER, PAGE, PARTS, SPACE_PAGE
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.explorer_runtime import find_runtime
from harness.exporting.formats import DESCRIPTION
from harness.exporting.templates.generate import open_generator

_TEMPLATES = Path(__file__).parent / "templates" / "explorer"
_DIGITS = 6


def add_explorer(bundle: Path) -> str | None:
    """Write `explorer.html`, the same as a Space's page, and the folder `explorer` into a bundle.

    The page loads nothing from elsewhere; it has to be served, since browsers keep pages that are
    opened from disk from loading WebAssembly: `gansweep explore`.

    Args:
        bundle: A folder that holds `generator.onnx` and `generator.json`.

    Returns:
        None; or in one line why there is no explorer and how to get one, and nothing is written.

    Raises:
        StorageError: If a tarball was named that is not the expected one.
        OSError: If the bundle cannot be written.
    """
    try:
        runtime = find_runtime()
    except MissingExtraError as error:
        return f"The bundle has no explorer: {error}"
    folder = bundle / FOLDER
    folder.mkdir()
    write_text(folder / DIRECTIONS, json.dumps(_directions(bundle)) + "\n")
    for name in RUNTIME_FILES:
        shutil.copyfile(runtime / name, folder / name)
    for name in PARTS:
        shutil.copyfile(_TEMPLATES / name, folder / name)
    for name in (PAGE, SPACE_PAGE):
        shutil.copyfile(_TEMPLATES / PAGE, bundle / name)
    return None


def _directions(bundle: Path) -> list[dict[str, float | list[float]]]:
    """Return what `explorer.js` reads: each direction with its share, the strongest first."""
    description = read_json(bundle / DESCRIPTION)
    num_classes = len(description["class_names"])

    network = open_generator(bundle, "onnxruntime")

    def draw(noise: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.asarray(network(noise, labels if num_classes else None))

    vectors, shares = main_directions(draw, description["latent_dim"], num_classes=num_classes)
    return [
        {"share": round(float(share), 4), "vector": vector.round(_DIGITS).tolist()}
        for share, vector in zip(shares, vectors, strict=True)
    ]


Draw = Callable[[NDArray[np.float32], NDArray[np.int32]], NDArray[np.floating]]
"""From noise (n, latent_dim) and labels (n,) to images (n, height, width, channels), floats."""

_POINTS = 32
_STEP = 0.1  # of a standard deviation: small beside the noise, large beside float32's rounding


def main_directions(
    draw: Draw, latent_dim: int, *, num_classes: int, count: int = 8, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the principal directions of a generator's response to its noise.

    With J the images' derivative by the noise, they are the eigenvectors of J'J, averaged over
    points of latent space and over classes. Nothing is asked of the network but its images, so
    networks of any architecture have them. A direction points to where images grow brighter.

    Args:
        draw: The generator; its images in any range.
        latent_dim: Length of the noise.
        num_classes: Classes to average over; 0 where the generator has none, whose labels are 0.
        count: Number of directions, if the noise has as many dimensions.
        seed: Origin of the points.

    Returns:
        The directions, (k, latent_dim), orthonormal, a direction a row, the strongest first; and
        what part of the images' total change each of them makes, (k,), 0 to 1.

    References:
        Wang & Ponce 2021, "The geometry of deep generative image models and its applications",
        arXiv 2101.06006. They measure the images' distance by LPIPS, we by squared pixels, with
        J from central differences.
    """
    points = np.random.default_rng(seed).standard_normal((_POINTS, latent_dim)).astype(np.float32)
    metric = np.zeros((latent_dim, latent_dim))
    brightening = np.zeros(latent_dim)
    for index, point in enumerate(points):
        label = index % num_classes if num_classes else 0
        jacobian = _derivative(draw, point, label)
        metric += jacobian @ jacobian.T
        brightening += jacobian.mean(axis=1)
    values, vectors = np.linalg.eigh(metric)  # ascending, a vector a column
    kept = vectors[:, ::-1][:, :count].T
    signs = np.where(kept @ brightening < 0, -1.0, 1.0)
    total = values.sum() or 1.0  # a generator that ignores its noise has no shares
    return kept * signs[:, None], np.clip(values[::-1][:count] / total, 0.0, 1.0)


def _derivative(draw: Draw, point: NDArray[np.float32], label: int) -> NDArray[np.float64]:
    """Return the images' derivative by each dimension of the noise, (latent_dim, pixels)."""
    steps = np.eye(len(point), dtype=np.float32) * np.float32(_STEP)
    noise = np.concatenate([point + steps, point - steps])
    images = draw(noise, np.full(len(noise), label, np.int32)).astype(np.float64)
    after, before = np.split(images.reshape(len(noise), -1), 2)
    return (after - before) / (2 * _STEP)
