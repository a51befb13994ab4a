"""Let several extractors judge together, since what one of them selects looks best to it."""

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.core.errors import ConfigError
from harness.core.files import read_json
from harness.metrics.extractor_folder import RECORD_FILE
from harness.metrics.extractors.feature_extractor import (
    PANEL,
    Extractor,
    ImageShape,
    in_batches,
    load_extractor,
)

Seen = tuple[NDArray[np.float32], NDArray[np.int32] | None]
"""Features (n, d) and likely labels (n,), as `Extractor.features_and_predictions` gives them."""

JUDGES = ("fashion_cnn", "fashion_stacked")
WITNESSES = ("fashion_turns", "fashion_pixels")
"""Which of them judge was decided in reports/panel: what was trained without labels ranks the best
generators no better than `fashion_cnn` alone, and would cost a third as much again."""


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """Extractors whose scores are averaged; one extractor is a panel of itself.

    Args:
        name: What stands in the name of every score, e.g. `panel`.
        judges: They decide; all take images of one shape.
        witnesses: They are shown beside the judges, and decide nothing.
    """

    name: str
    judges: tuple[Extractor, ...]
    witnesses: tuple[Extractor, ...] = ()

    @property
    def members(self) -> tuple[Extractor, ...]:
        """Return the judges, then the witnesses."""
        return self.judges + self.witnesses

    @functools.cached_property
    def sha256(self) -> str:
        """Return the hash of the judges' names and weights; of one judge its own."""
        if len(self.judges) == 1:
            return self.judges[0].sha256
        lines = "".join(f"{judge.name} {judge.sha256}\n" for judge in self.judges)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def image_shape(self) -> ImageShape:
        """Return (height, width, channels) of the images."""
        return self.judges[0].image_shape

    @property
    def resize(self) -> str:
        """Return how the judges bring images to their own size."""
        return self.judges[0].resize

    def see(self, images: NDArray[np.uint8], *, witnesses: bool = False) -> list[Seen]:
        """Return what each judge makes of images, all in one pass over them.

        Args:
            images: uint8, (n, height, width, channels).
            witnesses: Whether what these see follows.

        Raises:
            ScoreError: If they are not uint8, or of another shape.
        """
        if len(self.judges) == 1:
            seen = [self.judges[0].features_and_predictions(images)]
        else:
            self.judges[0].check(images)
            outputs = iter(in_batches(self._run, images, self._batch_size))
            seen = [(next(outputs), judge.labels_of(next(outputs))) for judge in self.judges]
        if witnesses:
            seen += [each.features_and_predictions(images) for each in self.witnesses]
        return seen

    @property
    def _batch_size(self) -> int:
        return min(judge.batch_size for judge in self.judges)

    @functools.cached_property
    def _run(self) -> Any:
        def run(images: tf.Tensor) -> list[tf.Tensor]:
            return [output for judge in self.judges for output in judge.forward(images)]

        shape = (self._batch_size, *self.image_shape)
        return tf.function(run, input_signature=[tf.TensorSpec(shape, tf.uint8)])


def load_panel(
    name_or_folder: str | Path,
    *,
    image_shape: ImageShape | None = None,
    weights: Path | None = None,
) -> Panel:
    """Load the shipped panel, one that `gansweep extractor` wrote, or one extractor.

    Args:
        name_or_folder: `panel`, or what `load_extractor` takes, as do the other arguments.
        image_shape: (height, width, channels) of the images to come.
        weights: File of the weights, for an extractor that does not bring its own.

    Raises:
        ConfigError: If there is none of this name, or it is given weights it has no use for.
        StorageError: If a member's weights are missing, damaged or not those of the record.
        MissingExtraError: If reading them needs a package that is not installed.
    """
    if str(name_or_folder) == PANEL and weights is None:
        return Panel(PANEL, *(tuple(map(load_extractor, names)) for names in (JUDGES, WITNESSES)))
    folder = Path(name_or_folder)
    record = read_json(folder / RECORD_FILE) if (folder / RECORD_FILE).is_file() else {}
    if "judges" not in record:
        extractor = load_extractor(name_or_folder, image_shape=image_shape, weights=weights)
        return Panel(extractor.name, (extractor,))
    try:
        names = [list(map(str, record[key])) for key in ("judges", "witnesses")]
        judges, witnesses = (tuple(load_extractor(folder / n) for n in part) for part in names)
        panel = Panel(str(record["id"]), judges, witnesses)
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder / RECORD_FILE}: expected id, judges and witnesses; "
            f"{type(error).__name__}: {error}. Train the extractor again."
        ) from error
    if panel.sha256 != record.get("sha256"):
        raise ConfigError(
            f"{folder / RECORD_FILE}: the members hash to {panel.sha256}; expected "
            f"{record.get('sha256')}. One was exchanged: train the extractor again."
        )
    return panel
