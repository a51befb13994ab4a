"""Compute every measure from the same features: FID and what stands beside it."""

import dataclasses
import functools
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.core.score import Protocol
from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.cache import cached_arrays, cached_statistics
from harness.metrics.fid import Z_95, GaussianStatistics, frechet_interval, per_class_distances
from harness.metrics.fid_infinity import fewest_images, frechet_at_infinity
from harness.metrics.kid import kernel_distance
from harness.metrics.memorisation import memorisation, nearest_distances
from harness.metrics.precision_recall import manifold_scores

if TYPE_CHECKING:
    from harness.metrics.extractors.feature_extractor import Extractor  # loads TensorFlow


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number as a measure computes it, before it is known for which protocol.

    Args:
        value: The number.
        interval: 95 % interval, (low, high); None where none is known.
        better: `lower`, `higher`, or the value that is best.
        note: A few words beside the number, e.g. which class is the worst.
    """

    value: float
    interval: tuple[float, float] | None = None
    better: str = "lower"
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A quantity with the protocol that gives it its meaning.

    Unlike a `Score` it belongs to no training: the images may come from anywhere.

    Args:
        quantity: The number with its error bar.
        protocol: How it was measured.
    """

    quantity: Quantity
    protocol: Protocol

    @property
    def value(self) -> float:
        """Return the number."""
        return self.quantity.value

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, with the fingerprint spelled out."""
        return {
            "name": self.protocol.name,
            **dataclasses.asdict(self.quantity),
            "fingerprint": self.protocol.fingerprint,
            "protocol": dataclasses.asdict(self.protocol),
        }


_SUBSET_SEED = 0
"""Which subsets FID∞ takes; one seed for all, so that equal images give equal numbers."""


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What an extractor gives for images, taken in one pass.

    Args:
        values: Features, float32 (n, d).
        labels: Class of each image, int32 (n,), or None.
        predicted: What the extractor takes each image for, int32 (n,); None where its classes
            are not the data set's.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int32] | None = None
    predicted: NDArray[np.int32] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The split that images are compared with, as an extractor sees it; computed when first asked.

    Args:
        dataset: Where it comes from; its training split is what memorisation looks at.
        split: The reference.
        extractor: What sees the images.
        cache_dir: Where results are kept, under the hashes of what they depend on.
    """

    dataset: ImageDataset
    split: Split
    extractor: "Extractor"
    cache_dir: Path

    @functools.cached_property
    def features(self) -> NDArray[np.float32]:
        """Return the features of the reference, float32 (n, d)."""
        return self.features_of(self.split)

    @functools.cached_property
    def statistics(self) -> GaussianStatistics:
        """Return mean and covariance of the features."""
        return cached_statistics(
            self.cache_dir,
            self._key(self.split),
            lambda: GaussianStatistics.from_features(self.features),
        )

    @functools.cached_property
    def distances_to_train(self) -> NDArray[np.floating]:
        """Return the distance of each reference image to its nearest training image, (n,)."""

        def compute() -> dict[str, NDArray[np.floating]]:
            train = self.features_of(self.dataset.train)
            return {"distances": nearest_distances(self.features, train)}

        key = ("nearest", *self._key(self.split), self.dataset.train.sha256)
        return cached_arrays(self.cache_dir, key, compute)["distances"]

    def features_of(self, split: Split) -> NDArray[np.float32]:
        """Return the features of a split of the data set, float32 (n, d)."""

        def compute() -> dict[str, NDArray[np.float32]]:
            return {"features": self.extractor.features(split.images)}

        kept = cached_arrays(self.cache_dir, ("features", *self._key(split)), compute)
        return kept["features"]

    def _key(self, split: Split) -> tuple[str, str, str]:
        return split.sha256, self.extractor.name, self.extractor.sha256


def measure_fid(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return `fid`, with its interval."""
    value, interval = frechet_interval(reference.statistics, fake.values)
    return {"fid": Quantity(value, interval)}


def average(metric: str, quantities: Sequence[Quantity]) -> Quantity:
    """Return what the judges of a panel say together: the geometric mean of their values.

    Judges differ in scale: so none decides by its scale alone. KID may be negative and takes the
    plain mean. The interval is the mean of the ends: an upper bound, as if judges erred together.

    Args:
        metric: `fid` or `kid`.
        quantities: One a judge; a single one is returned as it is.
    """
    if len(quantities) == 1:
        return quantities[0]
    mean = statistics.fmean if metric == "kid" else _geometric_mean
    intervals = [quantity.interval for quantity in quantities]
    ends = None
    if None not in intervals:
        low, high = zip(*intervals, strict=True)
        ends = (mean(low), mean(high))
    return Quantity(mean([quantity.value for quantity in quantities]), ends)


def _geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean; 0 where one value is 0 or below, as two equal sets may round."""
    known = list(values)
    return statistics.geometric_mean(known) if min(known) > 0 else 0.0


def measure_fid_infinity(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return `fid_infinity`: FID extrapolated to endlessly many images, free of its bias.

    Nothing where the images are too few to extrapolate from.
    """
    if len(fake.values) < fewest_images(fake.values.shape[1]):
        return {}
    value, interval = frechet_at_infinity(reference.statistics, fake.values, _SUBSET_SEED)
    return {"fid_infinity": Quantity(value, interval)}


def measure_kid(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return `kid`, with an interval of 1.96 standard errors; unbiased, so it may be negative."""
    value, error = kernel_distance(reference.features, fake.values)
    return {"kid": Quantity(value, (value - Z_95 * error, value + Z_95 * error))}


def measure_manifold(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return `precision` and `density` (are fakes real?), `recall` and `coverage` (of all?)."""
    scores = manifold_scores(reference.features, fake.values)
    return {name: Quantity(value, better="higher") for name, value in scores.items()}


def measure_memorisation(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return `memorisation`: 0.5 where fakes lie as near to training images as real ones do.

    Nothing where the reference is the training images themselves.
    """
    train = reference.dataset.train
    if reference.split is train:
        return {}
    nearest = nearest_distances(fake.values, reference.features_of(train))
    value, error = memorisation(reference.distances_to_train, nearest)
    interval = (max(value - Z_95 * error, 0.0), min(value + Z_95 * error, 1.0))
    return {"memorisation": Quantity(value, interval, better="0.5")}


def measure_classes(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return FID within each class, `fid_class_0` on, and `fid_worst_class`.

    Nothing where there are no labels, or a class has fewer than two images.
    """
    names, labels = reference.dataset.class_names, reference.split.labels
    if names is None or labels is None or fake.labels is None:
        return {}
    sides = [np.bincount(side, minlength=len(names)) for side in (labels, fake.labels)]
    if min(int(counts.min()) for counts in sides) < 2:
        return {}
    distances = per_class_distances(reference.features, labels, fake.values, fake.labels)
    quantities = {
        f"fid_class_{label}": Quantity(value, interval, note=names[label])
        for label, (value, interval) in distances.items()
    }
    worst = max(quantities.values(), key=lambda quantity: quantity.value)
    return {"fid_worst_class": worst, **quantities}


def measure_label_accuracy(reference: Reference, fake: ImageFeatures) -> dict[str, Quantity]:
    """Return `label_accuracy`: the share of fakes the extractor takes for the class asked for."""
    labels, predicted = fake.labels, fake.predicted
    if labels is None or predicted is None:
        return {}
    share, count = float((labels == predicted).mean()), len(labels)
    return {"label_accuracy": Quantity(share, _wilson(share, count), better="higher")}


# The extension point: from the reference and the fakes to quantities, none where not applicable.
MEASURES: dict[str, Callable[[Reference, ImageFeatures], dict[str, Quantity]]] = {
    "fid": measure_fid,
    "fid_infinity": measure_fid_infinity,
    "kid": measure_kid,
    "manifold": measure_manifold,
    "memorisation": measure_memorisation,
    "label_accuracy": measure_label_accuracy,
    "classes": measure_classes,
}


FEWEST_IMAGES, FEWEST_REFERENCES = 4, 6
"""With fewer, or a reference of fewer, recall and coverage have no spheres to look into."""


def fewest_for_all(dimensions: int, num_classes: int) -> int:
    """Return from how many images on every measure can be taken.

    Args:
        dimensions: Of the features.
        num_classes: Of the data set: each class needs two images.
    """
    return max(FEWEST_IMAGES, fewest_images(dimensions), 2 * num_classes)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share, which stays within 0 and 1."""
    z2 = Z_95**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = Z_95 / (1 + z2) * float(np.sqrt(share * (1 - share) / count + z2 / (4 * count)))
    return middle - half, middle + half
