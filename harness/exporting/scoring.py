"""Score the generator that is exported, on the test split, before any file is made of it."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from harness.core.errors import StudyError
from harness.core.score import Score
from harness.data.image_dataset import ImageDataset
from harness.exporting.templates.generate import to_pixels
from harness.gan.sampling import latent_noise, output_activation
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.panel import load_panel
from harness.study.record import StudyRecord

_BATCH = 250


class Original:
    """The generator as training kept it, drawing with Keras in this process.

    Args:
        model: The generator; its inputs are `noise`, (n, latent_dim), and maybe `label`, (n,).
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        shapes = {tensor.name: tensor.shape for tensor in model.inputs}
        self.latent_dim = int(shapes["noise"][-1])
        self.conditional = "label" in shapes
        self.output = "tanh" if output_activation(model) == "tanh" else "sigmoid"
        """Range of the images: `tanh` for [-1, 1], `sigmoid` for [0, 1]."""

    def draw(
        self, noise: NDArray[np.float32], labels: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        """Return what the network makes of its inputs, float32 (n, height, width, channels).

        Args:
            noise: float32, (n, latent_dim), n at least 1.
            labels: int32, (n,); ignored by an unconditional generator.
        """
        batches = []
        for start in range(0, len(noise), _BATCH):
            rows = slice(start, start + _BATCH)
            inputs = {"noise": noise[rows]}
            if self.conditional and labels is not None:
                inputs["label"] = labels[rows].astype(np.int32)
            batches.append(np.asarray(self.model(inputs, training=False)))
        return np.concatenate(batches)

    def pixels(
        self, noise: NDArray[np.float32], labels: NDArray[np.int32] | None
    ) -> NDArray[np.uint8]:
        """Return the same as uint8, 0 to 255."""
        pixels: NDArray[np.uint8] = to_pixels(self.draw(noise, labels), self.output)
        return pixels


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceImages:
    """The images that every format must give, what they are made from, and their score.

    Args:
        noise: float32, (n, latent_dim).
        labels: int32, (n,); None for an unconditional generator.
        images: What the network gives, float32 (n, height, width, channels).
        pixels: The same as uint8.
        test: Their score against the test split.
    """

    noise: NDArray[np.float32]
    labels: NDArray[np.int32] | None
    images: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    test: Score


def evaluator_on_test(
    record: StudyRecord, dataset: ImageDataset, weights: Path | None
) -> Evaluator:
    """Return what scores against the test split as the study scored against validation.

    Args:
        record: The study.
        dataset: Its images.
        weights: File of the extractor's weights, where it does not bring its own.

    Raises:
        StudyError: If data set or extractor are no longer what the study was made with.
    """
    extractor = load_panel(record.extractor, image_shape=dataset.image_shape, weights=weights)
    for key, name, now in (
        ("extractor_sha256", f"extractor {record.extractor}", extractor.sha256),
        ("reference_sha256", f"data set {record.dataset}", dataset.validation.sha256),
    ):
        if record.protocol[key] != now:
            raise StudyError(
                f"{record.name}: the {name} has changed since the study was made: received "
                f"SHA-256 {now}; expected {record.protocol[key]}. A score on the test split would "
                f"not belong to the study's. Restore it from a copy."
            )
    return Evaluator(
        dataset,
        extractor=extractor,
        metric=str(record.protocol["metric"]),
        num_images=min(int(record.protocol["num_images"]), len(dataset.test)),
        split="test",
    )


def draw_reference(
    original: Original, evaluator: Evaluator, *, noise_seed: int, kimg: float
) -> ReferenceImages:
    """Draw as many images as the evaluator compares, and score them.

    Args:
        original: The generator.
        evaluator: What scores; it says how many images, and with which labels.
        noise_seed: Origin of the noise.
        kimg: Thousands of real images the discriminator had seen.
    """
    count = evaluator.num_images
    noise = latent_noise(noise_seed, count, original.latent_dim)
    labels = None
    if original.conditional:
        labels = np.zeros(count, np.int32) if evaluator.labels is None else evaluator.labels
    images = original.draw(noise, labels)
    pixels = to_pixels(images, original.output)
    test = evaluator.score(pixels, kimg=kimg, noise_seed=noise_seed)
    return ReferenceImages(noise, labels, images, pixels, test)
