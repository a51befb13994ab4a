"""Read images that somebody generated: an .npz of arrays, or a folder of image files."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ConfigError, DataError
from harness.data.fitting import ImageForm, fit_images
from harness.data.memory import within_memory
from harness.data.pixel_range import Extent, choose_range, range_of_whole, to_uint8
from harness.data.readers.image_folder import FolderListing, decode_files, list_folder
from harness.data.readers.npz import check_images, check_labels, image_shape, whole_labels
from harness.data.readers.npz_file import ArrayHeader, read_npz
from harness.data.source import brief, class_number


@dataclasses.dataclass(frozen=True, eq=False)
class GeneratedImages:
    """Images that somebody generated, and what is said of them.

    Args:
        images: uint8, (n, height, width, channels).
        labels: int32, (n,), or None.
        pixel_range: Key of RANGES: where they lay.
        passed_over: Names in the folder that were not read.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None
    pixel_range: str = "0,255"
    passed_over: tuple[str, ...] = ()

    def describe(self, class_names: Sequence[str] | None) -> str:
        """Return in a line how many images of which form and classes these are."""
        count, height, width, channels = self.images.shape
        classes = "unlabelled"
        if self.labels is not None:
            counts = Counter(self.labels.tolist())
            names = class_names or ()
            shown = [
                f"{names[label] if label < len(names) else label}: {counts[label]:,}"
                for label in sorted(counts)
            ]
            classes = f"{len(counts)} classes ({brief(shown)})"
        left_out = f"; passed over: {brief(self.passed_over)}" if self.passed_over else ""
        return (
            f"{count:,} images of {width} x {height}, {'gray' if channels == 1 else 'RGB'}, in "
            f"[{self.pixel_range.replace(',', ', ')}], "
            f"{classes}{left_out}"
        )


def read_images(
    path: Path,
    class_names: Sequence[str] | None = None,
    form: ImageForm | None = None,
    pixel_range: str | None = None,
) -> GeneratedImages:
    """Read images, and their labels where there are any.

    Args:
        path: An .npz with `images`, (n, height, width) or (n, height, width, 1 or 3), and maybe
            `labels`, as `npz:` takes them; or a folder as `folder:` takes it.
        class_names: Names of the classes in order: what the subfolders may be called, beside
            their numbers.
        form: Size and channels to bring them to; None for those they have.
        pixel_range: Key of RANGES: where numbers of an .npz lie; None for what they tell.

    Raises:
        DataError: If there is no such file, or it does not hold images of that form.
    """
    form = form or ImageForm()
    with within_memory(path):
        if path.is_dir():
            listing = list_folder(path)
            return GeneratedImages(
                decode_files(listing.files, form),
                _folder_labels(listing, class_names or ()),
                passed_over=tuple(str(each.relative_to(path)) for each in listing.passed_over),
            )
        if path.suffix.lower() == ".npz" and path.exists():
            return _read_npz(path, class_names, form, pixel_range)
    raise DataError(
        f"{path}: expected a folder of images or an .npz file with the array `images`; received "
        f"{'another kind of file' if path.exists() else 'nothing of that name'}."
    )


def _read_npz(
    path: Path, class_names: Sequence[str] | None, form: ImageForm, pixel_range: str | None
) -> GeneratedImages:
    arrays = read_npz(path, lambda headers: _check_headers(path, headers))
    images = arrays["images"]
    extent = Extent.of(path, images)
    if images.dtype.kind in "iu" and pixel_range is None:
        pixel_range = range_of_whole(path, images, extent)
    found = choose_range(path, extent, asked=pixel_range)
    if images.dtype != np.uint8 or found != "0,255":
        images = to_uint8(images, found)
    images = fit_images(images.reshape(len(images), *image_shape(images.shape)), form)
    if "labels" not in arrays:
        return GeneratedImages(images, None, found)
    labels = whole_labels(path, "labels", arrays["labels"])
    known = len(class_names or ()) or 2**31  # of an unlabelled data set, any will do
    if labels.min() < 0 or labels.max() >= known:
        raise DataError(
            f"{path}: labels must be whole numbers from 0 to {known - 1}; received "
            f"{labels.min()} to {labels.max()}. Number the classes as the data set does."
        )
    return GeneratedImages(images, labels.astype(np.int32), found)


def _check_headers(path: Path, headers: Mapping[str, ArrayHeader]) -> None:
    if "images" not in headers:
        raise DataError(
            f"{path}: expected an array named `images`; received {', '.join(headers) or 'none'}. "
            f"Save with np.savez(path, images=...)."
        )
    check_images(path, "images", headers["images"], "numbers")
    if "labels" in headers:
        check_labels(path, "labels", headers["labels"], count=headers["images"].shape[0])


def _folder_labels(listing: FolderListing, names: Sequence[str]) -> NDArray[np.int32] | None:
    """Return the class of each image by the name of its folder; None where they have none."""
    labels: dict[int, Path] = {}
    if len(listing.classes) > 1 and not names:
        raise DataError(
            f"{listing.path}: holds subfolders, {listing.classes[0].name}, ..., while the data "
            f"set has no classes. Put all images directly into {listing.path}."
        )
    for folder in listing.classes:
        try:
            label = class_number(folder.name, names, "the data set")
        except ConfigError as error:
            if len(listing.classes) == 1:  # a folder around all images says nothing of them
                return None
            raise DataError(
                f"{folder}: a subfolder is named after its class or the class's number, but "
                f"{error} Rename it, or put all images directly into {listing.path}."
            ) from error
        if label in labels:
            raise DataError(
                f"{folder}: means the class {names[label]}, as {labels[label].name} beside it "
                f"does. Put the images of a class into one folder."
            )
        labels[label] = folder
    return np.repeat(np.array(list(labels), np.int32), listing.counts) if labels else None
