"""What a bundle says of its generator, and the files that say it."""

import dataclasses
import importlib.metadata
import json
import platform
import zipfile
from pathlib import Path
from typing import Any

from harness.confirmation.winner import Choice
from harness.core.provenance import code_commit, lock_sha256
from harness.core.score import Score
from harness.core.templates import template_environment
from harness.core.version import __version__
from harness.data.image_dataset import ImageDataset
from harness.data.request import DatasetRequest
from harness.exporting.verification import Proof
from harness.metrics.measures import Measurement
from harness.study.record import StudyRecord

CARD = "README.md"
"""How to use a generator, what it is for, how good it is, its limits, its lineage."""

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy")


@dataclasses.dataclass(frozen=True, eq=False)
class BundleContents:
    """The facts about an exported generator.

    Args:
        record: The study it comes from.
        choice: The training whose generator it is, and why this one.
        dataset: What it was trained on.
        output: Range of the network's images: `tanh` for [-1, 1], `sigmoid` for [0, 1].
        latent_dim: Length of the noise vector.
        test: Its score on the test split.
        measured: What else was measured of the same images.
        proofs: What is proven of each of its files.
        has_explorer: Whether there is a page to play with it.
    """

    record: StudyRecord
    choice: Choice
    dataset: ImageDataset
    output: str
    latent_dim: int
    test: Score
    measured: tuple[Measurement, ...] = ()
    proofs: tuple[Proof, ...] = ()
    has_explorer: bool = False

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes that can be asked for; none if unconditional."""
        return (self.dataset.class_names or ()) if self.choice.entry.config.conditional else ()

    @property
    def kimg(self) -> float:
        """Return how many thousand images the discriminator was shown until its best rung."""
        outcome = self.choice.entry.outcome
        return outcome.best.kimg if outcome.best else outcome.kimg

    @property
    def title(self) -> str:
        """Return one line that says whose generator it is."""
        return (
            f"{self.dataset.name} generator, trial {self.choice.entry.name} of study "
            f"{self.record.name}"
        )


def describe(contents: BundleContents) -> dict[str, Any]:
    """Return what it takes to run the network, for `generator.json`."""
    return {
        "title": contents.title,
        "family": contents.choice.entry.config.family,
        "image_shape": list(contents.dataset.image_shape),
        "latent_dim": contents.latent_dim,
        "output": contents.output,
        "class_names": list(contents.class_names),
    }


def metrics(contents: BundleContents) -> dict[str, Any]:
    """Return all numbers with their protocols, for `metrics.json`."""
    record, entry = contents.record, contents.choice.entry
    outcome = entry.outcome
    return {
        "study": record.name,
        "study_id": record.id,
        "trial": entry.name,
        "why": contents.choice.why,
        "harness_version": __version__,
        "outcome": outcome.reason.value,
        "final": outcome.final.to_dict() if outcome.final else None,
        "best_rung": outcome.best.to_dict() if outcome.best else None,
        "test": contents.test.to_dict(),
        "measurements": [measurement.to_dict() for measurement in contents.measured],
        "formats": [proof.to_dict() for proof in contents.proofs],
    }


def render_card(contents: BundleContents) -> str:
    """Return what a bundle's README says, without its head; tests run its lines of code.

    Args:
        contents: What is known of the generator.
    """
    entry = contents.choice.entry
    height, width, channels = contents.dataset.image_shape
    packages = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in _PACKAGES)
    return (
        template_environment(__file__)
        .get_template(f"{CARD}.j2")
        .render(
            contents=contents,
            config=entry.config,
            height=height,
            width=width,
            channels=channels,
            source=DatasetRequest.parse(contents.record.dataset).source,
            measured={each.protocol.metric: each for each in contents.measured},
            kept_by=_kept_by(entry.folder.generator_file),
            version=__version__,
            commit=code_commit(),
            lock_sha256=lock_sha256(),
            environment=f"Python {platform.python_version()}, {packages}, "
            f"{platform.system()} {platform.machine()}",
        )
    )


def _kept_by(file: Path) -> str:
    """Return what the file that training kept says of its making."""
    try:
        with zipfile.ZipFile(file) as archive:
            made = json.loads(archive.read("metadata.json"))
        return f"Keras {made['keras_version']} kept the generator at {made['date_saved']}"
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return "not noted by the generator's file"
