"""Small generators of every kind, whose weights were moved away from where they begin."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from harness.exporting.formats import FORMATS, write_format
from harness.exporting.scoring import Original
from harness.exporting.verification import PROGRAM, QUESTIONS
from harness.gan.config.config import GANConfig
from harness.gan.networks.generators import build_generator

TEMPLATE = Path(__file__).parents[2] / "harness" / "exporting" / "templates" / PROGRAM
CLASSES = [f"class {number}" for number in range(4)]
SMALL = {"latent_dim": 6, "width": 4, "embedding_dim": 3}


def build(
    name: str,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    conditional: bool = True,
    seed: int = 0,
    **settings: Any,
) -> Original:
    """Return a generator whose images differ by noise and by class."""
    chosen = {"name": name, **SMALL, **settings}
    config = GANConfig.model_validate({"conditional": conditional, "generator": chosen})
    model = build_generator(config, image_shape, len(CLASSES) if conditional else 0)
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "float" in weight.dtype and "variance" not in weight.path:
            weight.assign(weight.numpy() + rng.normal(0, 0.1, weight.shape))
    return Original(model)


def write_bundle(folder: Path, original: Original, *formats: str) -> Path:
    """Write what of a bundle draws images."""
    folder.mkdir(parents=True)
    kept = folder.parent / f"{folder.name}.keras"
    original.model.save(kept)
    original.draw(np.zeros((1, original.latent_dim), np.float32), np.zeros(1, np.int32))
    for name in formats:
        write_format(name, original.model, kept, folder / FORMATS[name].file)
    about = {
        "latent_dim": original.latent_dim,
        "output": original.output,
        "class_names": CLASSES if original.conditional else [],
    }
    (folder / "generator.json").write_text(json.dumps(about))
    shutil.copyfile(TEMPLATE, folder / PROGRAM)
    shutil.copytree(TEMPLATE.parent / QUESTIONS, folder / QUESTIONS)
    return folder
