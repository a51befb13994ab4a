"""Images as a source gives them, before classes are chosen and splits are drawn."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ConfigError, DataError, unprintable
from harness.data.image_dataset import Split
from harness.data.memory import check_bytes

DEFAULT_SHARES = (5, 1, 1)
"""Fashion-MNIST's proportions: 50,000 training, 10,000 validation and 10,000 test images."""

_SHOWN = 12
_EACH_BYTES = 400
"""What is kept of an image beside its pixels while splits are drawn: it limits how many tiny ones
there may be."""


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Images and classes as a reader found them.

    Args:
        pool: Images to draw splits from, named after the data set.
        validation: The validation split, where the source has one.
        test: The test split, where the source has one.
        class_names: One name a label; None for an unlabelled data set.
        shares: How the pool is divided where nothing else is asked for.
    """

    pool: Split
    validation: Split | None = None
    test: Split | None = None
    class_names: tuple[str, ...] | None = None
    shares: tuple[int, ...] = DEFAULT_SHARES

    def __post_init__(self) -> None:
        """Refuse more images than can be handled, and names that could not be shown and read."""
        check_bytes(f"{self.pool.name}: {len(self.pool):,} images", len(self.pool) * _EACH_BYTES)
        for name in self.class_names or ():
            shown = unprintable(name) or ("" if name.strip() else repr(name))
            if shown:
                raise DataError(
                    f"{self.pool.name}: the class name {shown} is no single line of UTF-8 text. "
                    f"Rename the class or its folder."
                )

    def mapped(self, function: Callable[[Split], Split]) -> "Source":
        """Return the source with a function applied to each of its splits."""
        return dataclasses.replace(
            self,
            pool=function(self.pool),
            validation=None if self.validation is None else function(self.validation),
            test=None if self.test is None else function(self.test),
        )


def labelled_source(
    pool: Split, test: Split | None = None, *, shares: tuple[int, ...] = DEFAULT_SHARES
) -> Source:
    """Return a source whose classes are the labels that occur, named after themselves.

    Labels become 0 to k - 1 in their order; gaps, as in letters numbered from 1, do no harm.

    Args:
        pool: Images, with labels or without.
        test: Likewise, of the same size; its labels must be among the pool's.
        shares: How the pool is divided by default.

    Raises:
        DataError: If pool and test do not go together.
    """
    if test is not None:
        _check_pair(pool, test)
    if pool.labels is None:
        return Source(pool, test=test, shares=shares)
    known = np.unique(pool.labels)
    if test is not None and test.labels is not None:
        strange = np.setdiff1d(test.labels, known)
        if len(strange):
            raise DataError(
                f"{test.name}: labels {brief(strange.tolist())} occur in the test images only; "
                f"expected some of {brief(known.tolist())}, as the training images have. Use one "
                f"numbering for both, or leave these images out."
            )

    def number(split: Split) -> Split:
        return Split(split.name, split.images, _renumbered(split.labels, known))

    names = tuple(str(label) for label in known.tolist())
    return Source(pool, test=test, class_names=names, shares=shares).mapped(number)


def _check_pair(pool: Split, test: Split) -> None:
    if test.images.shape[1:] != pool.images.shape[1:]:
        raise DataError(
            f"{pool.name}: the test images have the shape {test.images.shape[1:]}, the training "
            f"images {pool.images.shape[1:]}; expected one size. Resize one of them."
        )
    if (pool.labels is None) != (test.labels is None):
        raise DataError(
            f"{pool.name}: only one of the training and the test images have labels; expected "
            f"both or neither. Add the others."
        )


def keep_classes(source: Source, chosen: Sequence[str]) -> Source:
    """Return the images of some classes; these keep their names and get the numbers from 0.

    Args:
        source: All images.
        chosen: The classes' names, or their numbers where no class is called so.

    Raises:
        ConfigError: If there is no such class, or one is named twice.
        DataError: If a split of the source holds nothing of them.
    """
    names = source.class_names
    if names is None:
        raise ConfigError(
            f"--classes: {source.pool.name} has no labels; received {','.join(chosen)}. Leave "
            f"--classes out, or add labels."
        )
    numbers = sorted(
        class_number(each, names, f"--classes: {source.pool.name}") for each in chosen
    )
    if len(set(numbers)) < len(numbers):
        raise ConfigError(
            f"--classes: {','.join(chosen)} names a class of {source.pool.name} twice. Name each "
            f"once."
        )

    def keep(split: Split) -> Split:
        labels = np.asarray(split.labels)
        rows = np.isin(labels, numbers)
        if not rows.any():
            raise DataError(
                f"{split.name}: holds no images of the classes {', '.join(chosen)}; expected some "
                f"in each split. Keep other --classes, or divide anew: --split 80,10,10."
            )
        return Split(split.name, split.images[rows], _renumbered(labels[rows], numbers))

    kept = source.mapped(keep)
    return dataclasses.replace(kept, class_names=tuple(names[number] for number in numbers))


def _renumbered(labels: Any, known: Any) -> NDArray[np.int32]:
    """Return the place of each label among the known ones, which are sorted."""
    return as_labels(np.searchsorted(known, labels))


def class_number(wanted: str, names: Sequence[str], where: str) -> int:
    """Return the number of a class, given by its name or, where no name is a number, by that.

    Args:
        wanted: The name or number.
        names: Of the classes, in order.
        where: What the message begins with.

    Raises:
        ConfigError: If there is no such class.
    """
    if wanted in names:
        return names.index(wanted)
    # Among names such as 1, 2, 3 a number that is none of them must not mean another class.
    numbered = any(name.isdecimal() for name in names)
    if wanted.isdecimal() and not numbered and len(wanted) < 10 and int(wanted) < len(names):
        return int(wanted)
    known = names if numbered else [f"{number} {name}" for number, name in enumerate(names)]
    raise ConfigError(
        f"{where} has no class {wanted!r}; expected some of "
        f"{brief(known) or 'none, for there are no labels'}. Use their "
        f"{'names' if numbered else 'numbers or names'}."
    )


def safe_name(path: Path) -> str:
    """Return a name for a data set that is safe in file names and in the names of metrics."""
    stem = path.resolve().name if path.is_dir() else path.stem
    return re.sub("[^A-Za-z0-9_-]+", "_", stem).strip("_-") or "images"


def brief(values: Sequence[object]) -> str:
    """Return values with commas between them, at most a dozen."""
    more = ", ..." if len(values) > _SHOWN else ""
    return ", ".join(map(str, values[:_SHOWN])) + more


def as_labels(values: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return labels as the splits hold them."""
    return np.ascontiguousarray(values).ravel().astype(np.int32)
