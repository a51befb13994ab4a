"""What is known of an exported generator, made up."""

import dataclasses
from pathlib import Path
from typing import Any

from harness.confirmation.winner import Choice
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.data.image_dataset import ImageDataset
from harness.exporting.contents import BundleContents
from harness.exporting.verification import Proof
from harness.gan.config.config import GANConfig
from harness.metrics.measures import Measurement, Quantity
from harness.study.leaderboard import Entry
from harness.study.record import StudyRecord
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/test", "cd" * 32)
RECORD = StudyRecord(
    id="id", name="s", seed=0, dataset="fashion_mnist", protocol={}, created="2026-11-22"
)
TEST = Score(12.5, 4.0, 0, PROTOCOL)
PROOF = Proof("keras", "generator.keras", 1_234_567, "keras 3.15.1", 2.5e-7, 1, TEST)


# Its best rung is not its last: what is exported was kept at 25 kimg.
OUTCOME = Outcome(Reason.FINISHED, "", 125.0, 60.0, Score(9.5, 25.0, 0, PROTOCOL))


def contents_of(
    config: GANConfig, dataset: ImageDataset, *, folder: Path = Path("0007"), **changes: Any
) -> BundleContents:
    """Return the facts about a generator of a configuration, without measurements."""
    entry = Entry("0007", TrainingFolder(folder), config, OUTCOME)
    contents = BundleContents(
        RECORD,
        Choice(entry, "It was asked for.", entry.name),
        dataset,
        output=config.generator.output,
        latent_dim=config.generator.latent_dim,
        test=TEST,
        proofs=(PROOF,),
    )
    return dataclasses.replace(contents, **changes)


def measured(metric: str, value: float, low: float, high: float, note: str = "") -> Measurement:
    protocol = dataclasses.replace(PROTOCOL, metric=metric)
    return Measurement(Quantity(value, (low, high), note=note), protocol)
