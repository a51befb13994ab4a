"""Prove an exported file: a process of its own loads it and must draw the same images."""

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from harness.errors import ExportError
from harness.exporting.formats import FORMATS
from harness.exporting.templates.generate import to_pixels
from harness.gan.sampling import latent_noise, output_activation
from harness.metrics.evaluator import Evaluator
from harness.score import Score

PROGRAM = "generate.py"
"""What loads the file, and also what users run: nothing else would prove what they get."""

_BATCH = 250
_MOST_LEVELS = 1  # of 255: where rounding falls to the other side


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """Hold the images that every format must give, and what they are made from.

    Args:
        noise: float32, (n, latent_dim).
        labels: int32, (n,); None for an unconditional generator.
        images: What the network gives, float32 (n, height, width, channels).
        pixels: The same as uint8.
        noise_seed: Origin of the noise.
        kimg: Thousands of real images the discriminator had seen.
    """

    noise: NDArray[np.float32]
    labels: NDArray[np.int32] | None
    images: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    noise_seed: int
    kimg: float


@dataclasses.dataclass(frozen=True)
class Proof:
    """Say what is proven of one file.

    Args:
        format: Key of FORMATS.
        file: Its name in the bundle.
        size_bytes: What it takes on disk.
        runtime: What ran it, with its version.
        max_difference: Largest difference of the network's output from the original's.
        max_levels: Largest difference of a pixel, of 255; at most 1.
        test: FID against the test split of the images that it drew.
    """

    format: str
    file: str
    size_bytes: int
    runtime: str
    max_difference: float
    max_levels: int
    test: Score

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return dataclasses.asdict(self) | {"test": self.test.to_dict()}


def output_range(model: keras.Model) -> str:
    """Return `tanh` for images in [-1, 1], `sigmoid` for [0, 1]."""
    return "tanh" if output_activation(model) == "tanh" else "sigmoid"


def draw_reference(
    model: keras.Model, evaluator: Evaluator, *, noise_seed: int, kimg: float
) -> Reference:
    """Draw as many images as the evaluator compares, with Keras in this process.

    Args:
        model: The generator, as training kept it.
        evaluator: What will score them; says how many, and with which labels.
        noise_seed: Origin of the noise.
        kimg: Thousands of real images the discriminator had seen.
    """
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    count = evaluator.num_images
    noise = latent_noise(noise_seed, count, int(shapes["noise"][-1]))
    labels = None
    if "label" in shapes:
        labels = np.zeros(count, np.int32) if evaluator.labels is None else evaluator.labels
    batches = []
    for start in range(0, count, _BATCH):
        inputs: dict[str, NDArray[Any]] = {"noise": noise[start : start + _BATCH]}
        if labels is not None:
            inputs["label"] = labels[start : start + _BATCH]
        batches.append(np.asarray(model(inputs, training=False)))
    images = np.concatenate(batches)
    pixels = to_pixels(images, output_range(model))
    return Reference(noise, labels, images, pixels, noise_seed, kimg)


def verify(
    bundle: Path, formats: Iterable[str], reference: Reference, evaluator: Evaluator
) -> tuple[Proof, ...]:
    """Load each file with its own runtime in a fresh process, and compare what it draws.

    Args:
        bundle: Folder of the files, `generate.py` and `generator.json`.
        formats: Keys of FORMATS.
        reference: What they must draw.
        evaluator: What scores them.

    Raises:
        ExportError: If a file cannot be run, or draws other images.
        OSError: If the images cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="proof-", dir=bundle.parent) as temporary:
        given = Path(temporary).resolve() / "given.npz"
        labels = np.zeros(len(reference.noise), np.int32)
        np.savez(
            given,
            noise=reference.noise,
            labels=labels if reference.labels is None else reference.labels,
        )
        return tuple(_prove(bundle, name, given, reference, evaluator) for name in formats)


def _prove(
    bundle: Path, name: str, given: Path, reference: Reference, evaluator: Evaluator
) -> Proof:
    form = FORMATS[name]
    drawn = given.with_name("drawn.npz")
    runtime = _draw(bundle, form.runtime, given, drawn)
    with np.load(drawn) as arrays:
        images, pixels = arrays["images"], arrays["pixels"]
    drawn.unlink()
    if images.shape != reference.images.shape:
        raise ExportError(
            f"{form.file}: draws images of shape {images.shape}; expected "
            f"{reference.images.shape}. Nothing was exported: leave {name} out of --formats."
        )
    difference = float(np.abs(images - reference.images).max())
    levels = int(np.abs(pixels.astype(np.int16) - reference.pixels).max())
    if levels > _MOST_LEVELS or not np.isfinite(difference):
        raise ExportError(
            f"{form.file}: {runtime} draws other images than the generator that was trained: up "
            f"to {levels} of 255 levels apart; expected at most {_MOST_LEVELS}. Nothing was "
            f"exported: leave {name} out of --formats."
        )
    test = evaluator.score(pixels, kimg=reference.kimg, noise_seed=reference.noise_seed)
    size = _size(bundle / form.file)
    return Proof(name, form.file, size, runtime, difference, levels, test)


def _draw(bundle: Path, runtime: str, given: Path, drawn: Path) -> str:
    """Run the bundle's own program; return the runtime with its version, as it says."""
    command = [sys.executable, PROGRAM, "--runtime", runtime, "--like", str(given)]
    # On the CPU: this process may hold the whole memory of a GPU.
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [*command, "--out", str(drawn)],
        cwd=bundle,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:300]
        raise ExportError(
            f"{PROGRAM} --runtime {runtime}: ended with exit code {done.returncode}: {said}. "
            f"Nothing was exported: leave its format out of --formats."
        )
    return done.stdout.strip().rpartition(" by ")[2]


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files)
