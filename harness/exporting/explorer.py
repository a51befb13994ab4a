"""Write the page in which a generator can be played with, beside its ONNX file."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.images import ImageDataset
from harness.errors import ConfigError
from harness.exporting.explorer_directions import Directions, main_directions
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.explorer_runtime import find_runtime
from harness.files import write_text
from harness.gan.config import GANConfig

PAGE = "explorer.html"
FOLDER = "explorer"
"""What the page needs beside itself and the generator."""
TEMPLATES = Path(__file__).parent / "templates" / "explorer"

_PARTS = ("explorer.js", "explorer.css", "ONNXRUNTIME_LICENSE.txt")
_DIGITS = 6


def write_explorer(
    bundle: Path, *, onnx_file: Path, config: GANConfig, dataset: ImageDataset, title: str
) -> None:
    """Write `explorer.html` and the folder `explorer` into a bundle.

    The page loads nothing from elsewhere; it has to be served, since browsers keep pages that are
    opened from disk from loading WebAssembly: `python -m harness.explore`.

    Args:
        bundle: The bundle's folder.
        onnx_file: The generator, in that folder.
        config: How it was built.
        dataset: What it was trained on: its classes and their names.
        title: Heading of the page.

    Raises:
        MissingExtraError: If ONNX Runtime Web cannot be had; nothing is written then.
        StorageError: If the tarball that was named is another one, or the bundle cannot be
            written.
    """
    runtime = find_runtime()
    drawing = OnnxGenerator(onnx_file)
    num_classes = dataset.num_classes if config.conditional else 0
    directions = main_directions(drawing.draw, drawing.latent_dim, num_classes=num_classes)
    model = {
        "title": title,
        "file": onnx_file.name,
        "latent_dim": drawing.latent_dim,
        "output": config.generator.output,
        "classes": _class_names(dataset, num_classes),
        "directions": _rounded(directions),
    }
    folder = bundle / FOLDER
    folder.mkdir()
    for name in RUNTIME_FILES:
        shutil.copyfile(runtime / name, folder / name)
    for name in _PARTS:
        shutil.copyfile(TEMPLATES / name, folder / name)
    write_text(folder / "model.json", json.dumps(model) + "\n")
    shutil.copyfile(TEMPLATES / PAGE, bundle / PAGE)


class OnnxGenerator:
    """Run a generator's ONNX file.

    Args:
        path: The file; its inputs are `noise`, (n, latent_dim), and maybe `label`, (n,).
    """

    def __init__(self, path: Path) -> None:
        # An extra, which is there where ONNX is exported.
        import onnxruntime  # type: ignore[import-untyped]

        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        shapes = {each.name: each.shape for each in self._session.get_inputs()}
        if "noise" not in shapes:
            raise ConfigError(f"{path}: expected an input `noise`; received {', '.join(shapes)}.")
        self.latent_dim = int(shapes["noise"][1])
        self._conditional = "label" in shapes

    def draw(self, noise: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the images as the network gives them, before they are made pixels."""
        inputs = {"noise": noise} | ({"label": labels} if self._conditional else {})
        images: NDArray[np.float32] = self._session.run(None, inputs)[0]
        return images


def _class_names(dataset: ImageDataset, num_classes: int) -> list[str]:
    """Return a name a class, also where they are only numbered; empty if unconditional."""
    return list(dataset.class_names or map("class {}".format, range(num_classes)))[:num_classes]


def _rounded(directions: Directions) -> list[dict[str, Any]]:
    pairs: Iterable[tuple[Any, Any]] = zip(directions.shares, directions.vectors, strict=True)
    return [
        {"share": round(float(share), 4), "vector": vector.round(_DIGITS).tolist()}
        for share, vector in pairs
    ]
