"""Show a generator's images beside the training images that are nearest to them."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.core.files import write_bytes, write_json
from harness.exporting.scoring import Original
from harness.exporting.templates.questions.sheets import draw_neighbours, nearest
from harness.gan.sampling import latent_noise
from harness.metrics.measures import Reference
from harness.training.grid import COLUMNS, grid_labels, png_bytes

KEPT = "nearest"
"""Where a study keeps such pictures, `NAME.png` and `NAME.json` for each generator exported."""

_COUNT = 5
_ROWS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbours:
    """Generated images, and the training images nearest to them in the features of a judge.

    Args:
        images: Generated, uint8 (n, height, width, channels).
        names: Their classes, (n,); empty where there are none.
        reference: Where the training images are, and what sees them.
        order: Which of them are nearest, (n, k), the nearest first.
        distances: How far they are, (n, k), as shares of what is usual: the median distance of
            real images that nothing was trained on to their nearest training image.
    """

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    reference: Reference
    order: NDArray[np.int64]
    distances: NDArray[np.float64]

    def draw(self) -> Image.Image:
        """Return them as a sheet, a row for each generated image."""
        said = [[f"{each:.2f}" for each in row] for row in self.distances]
        training = self.reference.dataset.train.images
        sheet: Image.Image = draw_neighbours(self.images, self.names, training, self.order, said)
        return sheet

    def describe(self) -> str:
        """Return in a sentence by what they are nearest, and what the numbers mean."""
        train = self.reference.dataset.train
        return (
            f"the nearest of {len(train):,} training images in the features of "
            f"{self.reference.extractor.name}; 1.00 is as far as an image that nothing was "
            f"trained on usually lies from its nearest training image"
        )


def find_neighbours(
    reference: Reference, images: NDArray[np.uint8], names: tuple[str, ...]
) -> Neighbours:
    """Look for the training images that are nearest to generated ones.

    Args:
        reference: Of a split that nothing was trained on.
        images: uint8, (n, height, width, channels).
        names: Their classes, (n,).
    """
    training = reference.features_of(reference.dataset.train)
    features = reference.extractor.features(images)
    order, distances = nearest(features, training, min(_COUNT, len(training)))
    usual = float(np.median(reference.distances_to_train)) or 1.0  # 0 where all images are twins
    return Neighbours(images, names, reference, order, distances / usual)


def keep_neighbours(
    study_folder: Path, name: str, original: Original, reference: Reference, *, noise_seed: int
) -> None:
    """Write into a study what its report shows of a generator's nearest training images.

    It stays out of the bundle: training images may be nobody else's business.

    Args:
        study_folder: Where to.
        name: Of the training whose generator it is.
        original: The generator.
        reference: Of the test split.
        noise_seed: Origin of the noise of its samples, of which it shows the first column.

    Raises:
        StorageError: If it cannot be written.
    """
    dataset = reference.dataset
    labels = grid_labels(dataset, original.conditional)
    noise = latent_noise(noise_seed, len(labels), original.latent_dim)
    rows = slice(0, COLUMNS * _ROWS, COLUMNS)
    images = original.pixels(noise[rows], labels[rows])
    classes = (dataset.class_names or ()) if original.conditional else ()
    names = tuple(classes[label] if classes else "" for label in labels[rows])
    found = find_neighbours(reference, images, names)
    folder = study_folder / KEPT
    write_bytes(folder / f"{name}.png", png_bytes(found.draw()))
    record = {
        "training": name,
        "says": found.describe(),
        "classes": list(names),
        "nearest": found.distances[:, 0].round(3).tolist(),
    }
    write_json(folder / f"{name}.json", record)
