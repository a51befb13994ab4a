"""Keep what belongs to a reference: computed when it is first needed, and kept on disk."""

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.cache import cached_arrays, cached_statistics
from harness.metrics.extractors.feature_extractor import Extractor
from harness.metrics.fid import GaussianStatistics
from harness.metrics.memorisation import nearest_distances


class Reference:
    """The split that images are compared with, as an extractor sees it.

    Args:
        dataset: Where it comes from; its training split is what memorisation looks at.
        split: The reference.
        extractor: What sees the images.
        cache_dir: Where results are kept, under the hashes of what they depend on.
    """

    def __init__(
        self, dataset: ImageDataset, split: Split, extractor: Extractor, cache_dir: Path
    ) -> None:
        self._dataset = dataset
        self._split = split
        self._extractor = extractor
        self._cache_dir = cache_dir

    @functools.cached_property
    def features(self) -> NDArray[np.float32]:
        """Return the features of the reference, float32 (n, d)."""
        return self.features_of(self._split)

    @functools.cached_property
    def statistics(self) -> GaussianStatistics:
        """Return mean and covariance of the features."""
        return cached_statistics(
            self._cache_dir,
            self._key(self._split),
            lambda: GaussianStatistics.from_features(self.features),
        )

    @functools.cached_property
    def distances_to_train(self) -> NDArray[np.floating]:
        """Return the distance of each reference image to its nearest training image, (n,)."""

        def compute() -> dict[str, NDArray[np.floating]]:
            train = self.features_of(self._dataset.train)
            return {"distances": nearest_distances(self.features, train)}

        key = ("nearest", *self._key(self._split), self._dataset.train.sha256)
        return cached_arrays(self._cache_dir, key, compute)["distances"]

    def features_of(self, split: Split) -> NDArray[np.float32]:
        """Return the features of a split of the data set, float32 (n, d)."""

        def compute() -> dict[str, NDArray[np.float32]]:
            return {"features": self._extractor.features(split.images)}

        kept = cached_arrays(self._cache_dir, ("features", *self._key(split)), compute)
        return kept["features"]

    def _key(self, split: Split) -> tuple[str, str, str]:
        return split.sha256, self._extractor.name, self._extractor.sha256
