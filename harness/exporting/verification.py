"""Prove an exported file: a process of its own loads it and must draw the same images."""

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.errors import ExportError
from harness.core.score import Score
from harness.exporting.formats import FORMATS
from harness.exporting.scoring import ReferenceImages
from harness.metrics.evaluator import Evaluator

PROGRAM = "generate.py"
"""What loads the file, and also what users run: nothing else would prove what they get."""

QUESTIONS = "questions"
"""The folder of what that program needs beside itself for more than drawing."""

_MOST_LEVELS = 1  # of 255: where rounding falls to the other side


@dataclasses.dataclass(frozen=True)
class Proof:
    """What is proven of one file.

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


def verify(
    bundle: Path, formats: Iterable[str], reference: ReferenceImages, evaluator: Evaluator
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
    bundle: Path, name: str, given: Path, reference: ReferenceImages, evaluator: Evaluator
) -> Proof:
    form = FORMATS[name]
    drawn = given.with_name("drawn.npz")
    runtime = _draw(bundle, form.runtime, given, drawn)
    with np.load(drawn, allow_pickle=False) as arrays:
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
    test = evaluator.score(pixels, kimg=reference.test.kimg, noise_seed=reference.test.noise_seed)
    files = [bundle / form.file, *(bundle / form.file).rglob("*")]
    size = sum(each.stat().st_size for each in files if each.is_file())
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
