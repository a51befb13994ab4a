"""Score images against a data set by one fixed protocol."""

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.images import ImageDataset, Split
from harness.errors import ConfigError, ScoreError
from harness.metrics.extractors import load_extractor
from harness.metrics.frechet import GaussianStatistics, frechet_distance
from harness.metrics.interval import frechet_interval
from harness.metrics.statistics_cache import cached_statistics, default_cache_dir
from harness.score import Protocol, Score

_DIVERSITY_IMAGES = 500


class Evaluator:
    """Hold the reference statistics of one split and compare images with them.

    It takes image arrays and knows nothing of who made them. Build one and keep it: loading the
    extractor and the reference takes about a second, a score less.

    Args:
        dataset: Where the reference images come from.
        extractor: Key of EXTRACTORS, or a folder written by `python -m harness.extractor`.
        weights: File of the extractor's weights, where it does not bring its own.
        num_images: How many images every score is computed from. FID falls with this number for
            one and the same generator, so scores compare only at one number. Scaled down, with a
            warning and another name of the score, to the size of the reference split.
        split: The reference; `test` is for confirmation only.
        cache_dir: Where reference statistics are kept; None takes HARNESS_CACHE_DIR, else the
            user's cache.

    Raises:
        ConfigError: If the extractor is unknown or takes images of another shape, or num_images
            is below 2.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        *,
        extractor: str | Path = "fashion_cnn",
        weights: Path | None = None,
        num_images: int = 10_000,
        split: Literal["train", "validation", "test"] = "validation",
        cache_dir: Path | None = None,
    ) -> None:
        reference: Split = getattr(dataset, split)
        self._extractor = load_extractor(
            extractor, image_shape=dataset.image_shape, weights=weights
        )
        if self._extractor.image_shape != dataset.image_shape:
            raise ConfigError(
                f"extractor: {self._extractor.name} takes images of shape "
                f"{self._extractor.image_shape}; {dataset.name} has {dataset.image_shape}. Train "
                f"one for it: python -m harness.extractor --dataset {dataset.name}."
            )
        self._num_images = _fitting_number(num_images, reference)
        self._labels = _draw_labels(reference.labels, self._num_images)
        self._protocol = Protocol(
            metric="fid",
            extractor=self._extractor.name,
            extractor_sha256=self._extractor.sha256,
            num_images=self._num_images,
            reference=reference.name,
            reference_sha256=reference.sha256,
            resize=self._extractor.resize,
            labels="none" if self._labels is None else "frequencies of the reference",
        )
        self._reference = cached_statistics(
            cache_dir or default_cache_dir(),
            (reference.sha256, self._extractor.name, self._extractor.sha256),
            lambda: self._statistics(reference.images),
        )

    @property
    def protocol(self) -> Protocol:
        """Return what a score of this evaluator means."""
        return self._protocol

    @property
    def num_images(self) -> int:
        """Return how many images each score takes."""
        return self._num_images

    @property
    def labels(self) -> NDArray[np.int32] | None:
        """Return the labels to generate images for, int32, (num_images,), sorted.

        They occur as often as in the reference: another mixture of classes would add to the
        distance. None for an unlabelled data set.
        """
        return self._labels

    def fid(self, images: NDArray[np.uint8]) -> float:
        """Return the Fréchet distance between the reference and these images; lower is better.

        Args:
            images: uint8, (num_images, height, width, channels).

        Raises:
            ScoreError: If their number, type or shape is not what the protocol says.
        """
        self._check_number(images)
        return frechet_distance(self._reference, self._statistics(images))

    def score(self, images: NDArray[np.uint8], *, kimg: float, noise_seed: int) -> Score:
        """Return the FID of images with its interval and all that gives it its meaning.

        Args:
            images: As for `fid`.
            kimg: Thousands of real images the discriminator had seen.
            noise_seed: Seed of the noise behind the images.
        """
        self._check_number(images)
        value, interval = frechet_interval(self._reference, self._extractor.features(images))
        return Score(value, kimg, noise_seed, self._protocol, interval)

    def diversity(self, images: NDArray[np.uint8]) -> float:
        """Return the variance of images' features as a share of the reference's; higher is better.

        The variances of all features are added, so it costs no eigenvalues; of many images an
        evenly spaced part suffices, at a few per cent of what a score costs.

        Args:
            images: uint8, (n, height, width, channels), any n of at least 2, in any order.
        """
        part = images[:: max(1, len(images) // _DIVERSITY_IMAGES)]
        features = self._extractor.features(part).astype(np.float64)
        total = features.var(axis=0, ddof=1).sum()
        return float(total / np.trace(self._reference.covariance))

    def label_accuracy(self, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> float:
        """Return the share of images that the extractor's classifier takes for their label.

        Args:
            images: uint8, (n, height, width, channels), any n.
            labels: Integers, (n,): the classes asked for.

        Raises:
            ScoreError: If there is not one label an image, or the extractor knows other classes.
        """
        if labels.shape != (len(images),):
            raise ScoreError(
                f"{self._extractor.name}: expected one label an image; received {len(images)} "
                f"images and labels of shape {labels.shape}."
            )
        return float((self._extractor.predict(images) == labels).mean())

    def _check_number(self, images: NDArray[np.uint8]) -> None:
        if len(images) != self._num_images:
            raise ScoreError(
                f"{self._protocol.name}: expected {self._num_images} images; received "
                f"{len(images)}. FID depends on the number: generate exactly as many."
            )

    def _statistics(self, images: NDArray[np.uint8]) -> GaussianStatistics:
        return GaussianStatistics.from_features(self._extractor.features(images))


def _fitting_number(num_images: int, reference: Split) -> int:
    if num_images < 2:
        raise ConfigError(f"num_images: received {num_images}; expected at least 2.")
    if num_images > len(reference):
        warnings.warn(
            f"{reference.name} has {len(reference)} images: scores use {len(reference)} instead "
            f"of {num_images}, and FID of so few is biased upwards.",
            stacklevel=3,
        )
    return min(num_images, len(reference))


def _draw_labels(labels: NDArray[np.int32] | None, count: int) -> NDArray[np.int32] | None:
    """Scale the label counts to `count`; the largest remainders are rounded up."""
    if labels is None:
        return None
    exact = np.bincount(labels) * (count / len(labels))
    counts = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: count - counts.sum()]] += 1
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts)
