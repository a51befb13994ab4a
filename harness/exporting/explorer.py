"""Add the page in which a generator can be played with to the bundle that holds its ONNX file."""

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import MissingExtraError
from harness.core.files import read_json, write_text
from harness.exporting.explorable import DIRECTIONS, FOLDER, PARTS
from harness.exporting.explorer_directions import main_directions
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.explorer_runtime import find_runtime
from harness.exporting.explorer_server import PAGE
from harness.exporting.formats import DESCRIPTION, FORMATS
from harness.exporting.templates.generate import BATCH, load_onnxruntime

_TEMPLATES = Path(__file__).parent / "templates" / "explorer"
_DIGITS = 6


def add_explorer(bundle: Path) -> str | None:
    """Write `explorer.html` and the folder `explorer` into a bundle.

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
    shutil.copyfile(_TEMPLATES / PAGE, bundle / PAGE)
    return None


def _directions(bundle: Path) -> list[dict[str, float | list[float]]]:
    """Return what `explorer.js` reads: each direction with its share, the strongest first."""
    description = read_json(bundle / DESCRIPTION)
    network = load_onnxruntime(bundle / FORMATS["onnx"].file)
    num_classes = len(description["class_names"])

    def draw(noise: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float32]:
        inputs = {"noise": noise} | ({"label": labels} if num_classes else {})
        batches = range(0, len(noise), BATCH)
        return np.concatenate(
            [
                network({key: value[i : i + BATCH] for key, value in inputs.items()})
                for i in batches
            ]
        )

    found = main_directions(draw, description["latent_dim"], num_classes=num_classes)
    return [
        {"share": round(float(share), 4), "vector": vector.round(_DIGITS).tolist()}
        for share, vector in zip(found.shares, found.vectors, strict=True)
    ]
