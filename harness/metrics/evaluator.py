"""Score images against a data set by one fixed protocol."""

import copy
import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ConfigError, ScoreError, near_miss
from harness.core.score import Protocol, Score
from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.cache import default_cache_dir
from harness.metrics.cas import DEFAULT_PLAN, classification_accuracy
from harness.metrics.extractors.feature_extractor import Extractor
from harness.metrics.extractors.panel import Panel, load_panel
from harness.metrics.label_policy import check_labels, draw_labels, fitting_number
from harness.metrics.measures import (
    MEASURES,
    ImageFeatures,
    Measurement,
    Quantity,
    Reference,
    average,
    measure_fid,
    measure_kid,
)
from harness.metrics.pixel_statistics import PixelStatistics

# What a study may minimize. FID is what all know; KID is unbiased, hence fit for few images.
OBJECTIVES = {"fid": measure_fid, "kid": measure_kid}

_DIVERSITY_IMAGES = 500


class Evaluator:
    """The reference of one split, with which images are compared.

    It takes image arrays and knows nothing of who made them. Build one and keep it: loading the
    extractor and the reference takes about a second, a score less.

    Args:
        dataset: Where the reference images come from.
        extractor: What sees the images: a loaded panel or extractor, `panel`, a key of
            EXTRACTORS, or a folder written by `gansweep extractor`.
        metric: Key of OBJECTIVES: what `score` computes.
        num_images: How many images every score is computed from. FID falls with this number for
            one and the same generator, so scores compare only at one number. Scaled down, with a
            warning and another name of the score, to the size of the reference split.
        split: The reference; `test` is for confirmation only.
        cache_dir: Where what belongs to the reference is kept; None takes HARNESS_CACHE_DIR, else
            the user's cache.

    Raises:
        ConfigError: If the extractor or the metric is unknown, the extractor takes images of
            another shape, or num_images is below 2.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        *,
        extractor: str | Path | Extractor | Panel = "panel",
        metric: str = "fid",
        num_images: int = 10_000,
        split: Literal["train", "validation", "test"] = "validation",
        cache_dir: Path | None = None,
    ) -> None:
        if metric not in OBJECTIVES:
            raise ConfigError(
                f"metric: received {metric!r}; expected {' or '.join(OBJECTIVES)}."
                f"{near_miss(metric, OBJECTIVES)}"
            )
        self._dataset = dataset
        self._split: Split = getattr(dataset, split)
        if isinstance(extractor, Extractor):
            extractor = Panel(extractor.name, (extractor,))
        elif not isinstance(extractor, Panel):
            extractor = load_panel(extractor, image_shape=dataset.image_shape)
        self._panel = extractor
        _check_shape(self._panel, dataset)
        self._num_images = fitting_number(num_images, self._split)
        self._labels = draw_labels(self._split.labels, self._num_images)
        kept = cache_dir or default_cache_dir()
        self._references = [Reference(dataset, self._split, m, kept) for m in self._panel.members]
        self._protocol = Protocol(
            metric=metric,
            extractor=self._panel.name,
            extractor_sha256=self._panel.sha256,
            num_images=self._num_images,
            reference=self._split.name,
            reference_sha256=self._split.sha256,
            resize=self._panel.resize,
            labels="none" if self._labels is None else "frequencies of the reference",
        )

    def with_images(self, num_images: int | None) -> Self:
        """Return an evaluator of another number of images, which shares everything else.

        Args:
            num_images: At least 2, and at most as many as the reference split has; None for the
                same number.
        """
        other = copy.copy(self)
        if num_images is not None:
            other._num_images = min(num_images, self._num_images)
            other._labels = draw_labels(self._split.labels, other._num_images)
            other._protocol = dataclasses.replace(self._protocol, num_images=other._num_images)
        return other

    @property
    def protocol(self) -> Protocol:
        """Return what a score of this evaluator means."""
        return self._protocol

    @property
    def reference(self) -> Reference:
        """Return the reference split as the first judge sees it."""
        return self._references[0]

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

        Of a panel it is the geometric mean of its judges' distances.

        Args:
            images: uint8, (num_images, height, width, channels).

        Raises:
            ScoreError: If their number, type or shape is not what the protocol says.
        """
        return average("fid", [one for _, one in self._judge("fid", self._see(images))]).value

    def score(self, images: NDArray[np.uint8], *, kimg: float, noise_seed: int) -> Score:
        """Return the metric of images with its interval and all that gives it its meaning.

        Args:
            images: As for `fid`.
            kimg: Thousands of real images the discriminator had seen.
            noise_seed: Seed of the noise behind the images.
        """
        metric = self._protocol.metric
        judged = self._judge(metric, self._see(images))
        quantity = average(metric, [quantity for _, quantity in judged])
        members = tuple(
            Score(one.value, kimg, noise_seed, protocol, one.interval) for protocol, one in judged
        )
        return Score(
            quantity.value,
            kimg,
            noise_seed,
            self._protocol,
            quantity.interval,
            members if len(members) > 1 else (),
        )

    def measure(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer] | None = None,
        measures: Iterable[str] = tuple(MEASURES),
    ) -> list[Measurement]:
        """Return many measures of the same images, from features taken once.

        What a study may minimize comes from every member of a panel, after their mean; the others
        from the first one alone.

        Args:
            images: As for `fid`.
            labels: Class of each image, (num_images,); None where there are none, which leaves
                out what needs them. Where they occur otherwise than in the reference, the
                protocol says so, and the numbers compare only among their like.
            measures: Keys of MEASURES.

        Raises:
            ConfigError: If a measure is unknown.
            ScoreError: If the images or labels are not what the protocol says.
        """
        unknown = [name for name in measures if name not in MEASURES]
        if unknown:
            raise ConfigError(
                f"measures: received {', '.join(unknown)}; expected some of "
                f"{', '.join(MEASURES)}.{near_miss(unknown[0], MEASURES)}"
            )
        classes = None if labels is None else check_labels(labels, len(images), self._dataset)
        seen = self._see(images, classes, witnesses=True)
        policy = self._label_policy(classes)
        found = []
        for key in measures:
            if key in OBJECTIVES and len(seen) > 1:
                judged = self._judge(key, seen)
                mean = average(key, [quantity for _, quantity in judged])
                whole = dataclasses.replace(self._protocol, metric=key, labels=policy)
                found.append(Measurement(mean, whole))
                members = judged + self._judge(key, seen, witnesses=True)
                for protocol, quantity in members:
                    labelled = dataclasses.replace(protocol, labels=policy)
                    found.append(Measurement(quantity, labelled))
                continue
            for name, quantity in MEASURES[key](self._references[0], seen[0]).items():
                found.append(Measurement(quantity, self._protocol_of(name, policy)))
        return found

    def pixel_warnings(self, images: NDArray[np.uint8]) -> tuple[str, ...]:
        """Return how the pixels of images differ from the reference's, where it can be seen.

        They decide nothing: networks that tell shapes are content with other brightness.

        Args:
            images: uint8, (n, height, width, channels), any n.
        """
        return PixelStatistics.of(images).warnings(self._reference_pixels)

    @functools.cached_property
    def _reference_pixels(self) -> PixelStatistics:
        return PixelStatistics.of(self._split.images)

    def classification_accuracy(
        self, images: NDArray[np.uint8], labels: NDArray[np.integer]
    ) -> Measurement:
        """Return the accuracy on the reference of a classifier that the images train.

        It trains for a minute or more, hence apart from `measure`.

        Args:
            images: As for `fid`.
            labels: Class of each image, (num_images,).

        Raises:
            ScoreError: If the reference has no labels, or the images do not fit it.
        """
        classes = check_labels(labels, len(images), self._dataset)
        self._check_number(images)
        accuracy = classification_accuracy(self._split, images, classes)
        plan = json.dumps(dataclasses.asdict(DEFAULT_PLAN), sort_keys=True)
        protocol = dataclasses.replace(
            self._protocol,
            metric="cas",
            extractor="own_classifier",
            extractor_sha256=hashlib.sha256(plan.encode()).hexdigest(),
            resize="none",
            labels=self._label_policy(classes),
        )
        return Measurement(Quantity(accuracy, better="higher"), protocol)

    def diversity(self, images: NDArray[np.uint8]) -> float:
        """Return the variance of images' features as a share of the reference's; higher is better.

        The variances of all features are added, so it costs no eigenvalues; of many images an
        evenly spaced part suffices.

        Args:
            images: uint8, (n, height, width, channels), any n of at least 2, in any order.
        """
        part = images[:: max(1, len(images) // _DIVERSITY_IMAGES)]
        features = self._panel.judges[0].features(part).astype(np.float64)
        total = features.var(axis=0, ddof=1).sum()
        return float(total / np.trace(self._references[0].statistics.covariance))

    def label_accuracy(self, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> float:
        """Return the share of images that the extractor's classifier takes for their label.

        Args:
            images: uint8, (n, height, width, channels), any n.
            labels: Integers, (n,): the classes asked for.

        Raises:
            ScoreError: If there is not one label an image, or the extractor knows other classes.
        """
        classes = check_labels(labels, len(images), self._dataset)
        return float((self._panel.judges[0].predict(images) == classes).mean())

    def _see(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int32] | None = None,
        *,
        witnesses: bool = False,
    ) -> list[ImageFeatures]:
        """Return what each judge makes of images, and then each witness, if asked."""
        self._check_number(images)
        return [
            ImageFeatures(values, labels, predicted)
            for values, predicted in self._panel.see(images, witnesses=witnesses)
        ]

    def _judge(
        self, metric: str, seen: list[ImageFeatures], *, witnesses: bool = False
    ) -> list[tuple[Protocol, Quantity]]:
        """Return what each judge, or each witness, says by a metric, with its own protocol."""
        first = len(self._panel.judges)
        wanted = slice(first, None) if witnesses else slice(first)
        return [
            (
                self._member_protocol(reference.extractor, metric),
                OBJECTIVES[metric](reference, features)[metric],
            )
            for reference, features in zip(self._references[wanted], seen[wanted], strict=True)
        ]

    def _member_protocol(self, member: Extractor, metric: str) -> Protocol:
        return dataclasses.replace(
            self._protocol,
            metric=metric,
            extractor=member.name,
            extractor_sha256=member.sha256,
            resize=member.resize,
        )

    def _check_number(self, images: NDArray[np.uint8]) -> None:
        if len(images) != self._num_images:
            raise ScoreError(
                f"{self._protocol.name}: expected {self._num_images} images; received "
                f"{len(images)}. FID depends on the number: generate exactly as many."
            )

    def _protocol_of(self, measure: str, policy: str) -> Protocol:
        """Return the protocol of one measure; memorisation depends on the training images too."""
        protocol = self._member_protocol(self._panel.judges[0], measure)
        protocol = dataclasses.replace(protocol, labels=policy)
        if measure != "memorisation":
            return protocol
        train = self._dataset.train
        both = hashlib.sha256(f"{self._split.sha256} {train.sha256}".encode())
        return dataclasses.replace(
            protocol,
            reference=f"{self._split.name} against {train.name}",
            reference_sha256=both.hexdigest(),
        )

    def _label_policy(self, labels: NDArray[np.int32] | None) -> str:
        """Name how labels were drawn; images without any count as drawn like the reference."""
        if labels is None or self._labels is None:
            return self._protocol.labels
        alike = np.array_equal(np.sort(labels), self._labels)
        return self._protocol.labels if alike else "as given with the images"


def _check_shape(extractor: Panel, dataset: ImageDataset) -> None:
    if extractor.image_shape != dataset.image_shape:
        raise ConfigError(
            f"extractor: {extractor.name} takes images of shape {extractor.image_shape}; "
            f"{dataset.name} has {dataset.image_shape}. Use one of these:\n"
            f"  1. train one on this data set, with labels or without: "
            f"gansweep extractor --dataset ...;\n"
            f"  2. --extractor inception, which takes any size but needs its weights: "
            f"--weights PATH;\n"
            f"  3. --extractor FOLDER, trained on other images of this shape."
        )
