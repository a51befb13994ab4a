"""Compute every measure from the same features: FID and what stands beside it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.score import Protocol
from harness.metrics.fid import Z_95, GaussianStatistics, frechet_interval, per_class_distances
from harness.metrics.fid_infinity import fewest_images, frechet_at_infinity
from harness.metrics.kid import kernel_distance
from harness.metrics.memorisation import memorisation, nearest_distances
from harness.metrics.precision_recall import manifold_scores


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
class Comparison:
    """What measures compare; what is costly is computed when the first of them asks.

    Args:
        real: Features of the reference.
        fake: Features of the generated images.
        statistics: Mean and covariance of the reference's features.
        train: Returns the features of the training images, (m, d).
        real_to_train: Returns the distance of each reference image to its nearest training image.
        is_held_out: Whether the reference is apart from the training images.
        class_names: One name a label; None for an unlabelled data set.
    """

    real: ImageFeatures
    fake: ImageFeatures
    statistics: GaussianStatistics
    train: Callable[[], NDArray[Any]]
    real_to_train: Callable[[], NDArray[Any]]
    is_held_out: bool = True
    class_names: Sequence[str] | None = None


def measure_fid(comparison: Comparison) -> dict[str, Quantity]:
    """Return `fid`, with its interval."""
    value, interval = frechet_interval(comparison.statistics, comparison.fake.values)
    return {"fid": Quantity(value, interval)}


def measure_fid_infinity(comparison: Comparison) -> dict[str, Quantity]:
    """Return `fid_infinity`: FID extrapolated to endlessly many images, free of its bias.

    Nothing where the images are too few to extrapolate from.
    """
    if len(comparison.fake.values) < fewest_images(comparison.fake.values.shape[1]):
        return {}
    value, interval = frechet_at_infinity(
        comparison.statistics, comparison.fake.values, _SUBSET_SEED
    )
    return {"fid_infinity": Quantity(value, interval)}


def measure_kid(comparison: Comparison) -> dict[str, Quantity]:
    """Return `kid`, with an interval of 1.96 standard errors; unbiased, so it may be negative."""
    value, error = kernel_distance(comparison.real.values, comparison.fake.values)
    return {"kid": Quantity(value, (value - Z_95 * error, value + Z_95 * error))}


def measure_manifold(comparison: Comparison) -> dict[str, Quantity]:
    """Return `precision` and `density` (are fakes real?), `recall` and `coverage` (of all?)."""
    scores = manifold_scores(comparison.real.values, comparison.fake.values)
    return {
        name: Quantity(value, better="higher")
        for name, value in dataclasses.asdict(scores).items()
    }


def measure_memorisation(comparison: Comparison) -> dict[str, Quantity]:
    """Return `memorisation`: 0.5 where fakes lie as near to training images as real ones do.

    Nothing where the reference is the training images themselves.
    """
    if not comparison.is_held_out:
        return {}
    nearest = nearest_distances(comparison.fake.values, comparison.train())
    value, error = memorisation(comparison.real_to_train(), nearest)
    interval = (max(value - Z_95 * error, 0.0), min(value + Z_95 * error, 1.0))
    return {"memorisation": Quantity(value, interval, better="0.5")}


def measure_classes(comparison: Comparison) -> dict[str, Quantity]:
    """Return FID within each class, `fid_class_0` on, and `fid_worst_class`.

    Nothing where there are no labels, or a class has fewer than two images.
    """
    names, real, fake = comparison.class_names, comparison.real, comparison.fake
    if names is None or real.labels is None or fake.labels is None:
        return {}
    sides = [np.bincount(labels, minlength=len(names)) for labels in (real.labels, fake.labels)]
    if min(int(counts.min()) for counts in sides) < 2:
        return {}
    distances = per_class_distances(real.values, real.labels, fake.values, fake.labels)
    quantities = {
        f"fid_class_{label}": Quantity(value, interval, note=names[label])
        for label, (value, interval) in distances.items()
    }
    worst = max(quantities.values(), key=lambda quantity: quantity.value)
    return {"fid_worst_class": worst, **quantities}


def measure_label_accuracy(comparison: Comparison) -> dict[str, Quantity]:
    """Return `label_accuracy`: the share of fakes the extractor takes for the class asked for."""
    labels, predicted = comparison.fake.labels, comparison.fake.predicted
    if labels is None or predicted is None:
        return {}
    share, count = float((labels == predicted).mean()), len(labels)
    return {"label_accuracy": Quantity(share, _wilson(share, count), better="higher")}


# The extension point: from a comparison to one or more quantities, none where not applicable.
MEASURES: dict[str, Callable[[Comparison], dict[str, Quantity]]] = {
    "fid": measure_fid,
    "fid_infinity": measure_fid_infinity,
    "kid": measure_kid,
    "manifold": measure_manifold,
    "memorisation": measure_memorisation,
    "label_accuracy": measure_label_accuracy,
    "classes": measure_classes,
}


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share, which stays within 0 and 1."""
    z2 = Z_95**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = Z_95 / (1 + z2) * float(np.sqrt(share * (1 - share) / count + z2 / (4 * count)))
    return middle - half, middle + half
