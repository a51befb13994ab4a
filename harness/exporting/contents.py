"""What a bundle says of its generator, for the files that say it."""

import dataclasses
from typing import Any

from harness.confirmation.winner import Choice
from harness.core.score import Score
from harness.core.version import __version__
from harness.data.image_dataset import ImageDataset
from harness.exporting.verification import Proof
from harness.metrics.measures import Measurement
from harness.study.record import StudyRecord


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
    """

    record: StudyRecord
    choice: Choice
    dataset: ImageDataset
    output: str
    latent_dim: int
    test: Score
    measured: tuple[Measurement, ...] = ()
    proofs: tuple[Proof, ...] = ()

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


def score_rows(contents: BundleContents) -> list[tuple[str, Score]]:
    """Return every score of the generator with the words for where it was measured."""
    outcome = contents.choice.entry.outcome
    rows = [
        ("validation split, at its best rung", outcome.best),
        ("validation split, fresh noise (final FID)", outcome.final),
        ("test split, never seen by the search", contents.test),
    ]
    return [(where, score) for where, score in rows if score is not None]


def score_table(contents: BundleContents) -> str:
    """Return the scores as a Markdown table."""
    rows = "\n".join(
        f"| {where} | {score.protocol.name} | {score.text} | `{score.protocol.fingerprint}` |"
        for where, score in score_rows(contents)
    )
    return (
        "| measured on | metric | value (lower is better, ± 95 %) | protocol |\n"
        f"|---|---|---|---|\n{rows}"
    )


def proof_table(contents: BundleContents) -> str:
    """Return what is proven of each file as a Markdown table."""
    name = contents.test.protocol.name
    rows = "\n".join(
        f"| `{proof.file}` | {proof.size_bytes / 1e6:.2f} MB | {proof.runtime} | "
        f"{proof.max_difference:.1g} | {proof.max_levels} of 255 | {proof.test.text} |"
        for proof in contents.proofs
    )
    return (
        f"| file | size | run by | largest difference | of pixels | {name} |\n"
        f"|---|---|---|---|---|---|\n{rows}"
    )
