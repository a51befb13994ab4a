"""Answer what `gansweep explore` is asked of a bundle, in place of showing its page.

The program in a bundle answers the same; here a picture goes through the one opener of images, and
training images are compared in the features of the study's extractor.
"""

import argparse
import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ConfigError, DataError
from harness.core.files import NETWORK_BYTES, check_writable, inside, read_json, storage_error
from harness.data.datasets import DATASETS, load_dataset
from harness.data.fitting import ImageForm
from harness.data.image_dataset import ImageDataset
from harness.data.image_opener import opened_image
from harness.data.readers.image_folder import decode_files
from harness.data.request import DatasetRequest
from harness.exporting.bundle_folder import CHECKSUMS
from harness.exporting.formats import DESCRIPTION, FORMATS
from harness.exporting.neighbours import find_neighbours
from harness.exporting.templates import generate
from harness.exporting.templates.questions import answers
from harness.gan.sampling import load_generator
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.panel import Panel, load_panel


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """Where the training images are, and what sees them.

    Args:
        dataset: Text of a `DatasetRequest`; None for what the bundle says.
        data_dir: Where to look for the data first.
        extractor: A name or a folder; None for what the bundle says.
        weights: File of the extractor's weights, where it does not bring its own.
    """

    dataset: str | None = None
    data_dir: Path | None = None
    extractor: str | None = None
    weights: Path | None = None


class AskedBundle:
    """A bundle that is asked something.

    Args:
        folder: The bundle.

    Raises:
        ConfigError: If it is none.
        StorageError: If what describes its generator is damaged.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / DESCRIPTION).is_file():
            raise ConfigError(
                f"{folder}: expected the folder of an exported bundle; received "
                f"{f'one without {DESCRIPTION}' if folder.is_dir() else 'no folder'}. Make one by "
                f"`gansweep export --study NAME`."
            )
        self._folder = folder
        for name in (DESCRIPTION, CHECKSUMS):
            inside(folder, name)
        for form in FORMATS.values():
            if not (folder / form.file).is_dir():
                inside(folder, form.file, most_bytes=NETWORK_BYTES)
        with _refusals():
            self._about = generate.read_description(folder)

    def find(self, picture: Path, options: argparse.Namespace) -> str:
        """Write a picture beside what the generator draws that is most like it, and its noise.

        Args:
            picture: An image file; it is brought to the generator's form.
            options: `label`, `seed` and `out`, as `generate.py` has them.

        Returns:
            What to print.
        """
        with _refusals():
            check_writable(options.out)
            name = FORMATS["keras"].file
            file = inside(self._folder, name, most_bytes=NETWORK_BYTES)
            if file is None:
                raise ConfigError(
                    f"{self._folder}: holds no {name}, and only Keras has gradients. Export again "
                    f"with --formats keras."
                )
            generate.check_content(self._folder, name)
            if options.label is not None:
                generate.asked_class(options.label, self._about["class_names"])
            model = load_generator(file)
            pixels, changed = read_picture(picture, model.output_shape[1:])
            said = answers.find(generate, options, self._about, model, pixels)
        return "\n".join([*([changed] if changed else []), said])

    def walk(self, options: argparse.Namespace) -> str:
        """Write a walk through points that closes, as GIF or MP4; return what to print.

        Args:
            options: `walk`, `label`, `seconds`, `fps`, `runtime` and `out`, as `generate.py` has
                them.
        """
        with _refusals():
            check_writable(options.out)
            options.folder = self._folder
            return answers.walk(generate, options, self._about)

    def nearest(self, options: argparse.Namespace, source: TrainingImages) -> str:
        """Write generated images beside the training images nearest to them.

        Args:
            options: `label`, `count`, `seed`, `like`, `runtime` and `out`, as `generate.py` has
                them.
            source: Where the training images are, and what sees them.

        Returns:
            What to print.
        """
        with _refusals():
            check_writable(options.out)
            noise, labels = generate.choose_inputs(options, self._about)
            runtime = generate.choose_runtime(self._folder, options.runtime)
            drawn = generate.open_generator(self._folder, runtime)(noise, labels)
            pixels = generate.to_pixels(drawn, self._about["output"])
            shape = pixels.shape[1:]
            protocol = self._protocol()
            dataset = self._dataset(source, protocol, shape)
            panel = _extractor(source, protocol, dataset)
            evaluator = Evaluator(dataset, extractor=panel, num_images=2, split="test")
            classes = self._about["class_names"]
            names = [""] * len(pixels) if labels is None else [classes[label] for label in labels]
            found = find_neighbours(evaluator.reference, pixels, tuple(names))
            found.draw().save(options.out)
        others = [
            f"note: {what} another than the one the generator was scored with"
            for what, is_other in (
                ("the data set is", protocol.get("reference_sha256") != dataset.test.sha256),
                ("the extractor is", protocol.get("extractor_sha256") != panel.sha256),
            )
            if is_other
        ]
        return "\n".join([f"{options.out}: {len(pixels)} images; {found.describe()}", *others])

    def _protocol(self) -> dict[str, Any]:
        """Return how the generator was scored on the test split; nothing where it is not said."""
        path = inside(self._folder, "metrics.json")
        try:
            return dict(read_json(path)["test"]["protocol"]) if path else {}
        except (KeyError, TypeError, ValueError):
            return {}

    def _dataset(
        self, source: TrainingImages, protocol: dict[str, Any], shape: tuple[int, int, int]
    ) -> ImageDataset:
        named = str(protocol.get("reference", "")).partition("/")[0]
        if source.dataset is None and named not in DATASETS:
            raise ConfigError(
                f"--dataset: the generator was trained on {named or 'images that are not named'}; "
                f"expected where they lie. Name them: --dataset folder:PATH, npz:FILE, idx:PATH "
                f"or csv:FILE."
            )
        request = DatasetRequest.parse(source.dataset or named)
        form = request.form
        size = form.size or (shape[0] if shape[0] == shape[1] else None)
        form = dataclasses.replace(form, size=size, channels=form.channels or shape[2])
        dataset = load_dataset(str(dataclasses.replace(request, form=form)), source.data_dir)
        if dataset.image_shape != shape:
            raise ConfigError(
                f"--dataset: {dataset.name} has images of shape {dataset.image_shape}; expected "
                f"{shape}, as the generator draws them. Name the images that it was trained on."
            )
        return dataset


def _extractor(source: TrainingImages, protocol: dict[str, Any], dataset: ImageDataset) -> Panel:
    name = source.extractor or str(protocol.get("extractor", "panel"))
    try:
        return load_panel(name, image_shape=dataset.image_shape, weights=source.weights)
    except ConfigError as error:
        if source.extractor:
            raise
        raise ConfigError(
            f"--extractor: the generator was scored through {name}, which is not found by that "
            f"name. Name its folder: --extractor FOLDER; or another: --extractor panel."
        ) from error


def read_picture(file: Path, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], str]:
    """Return a picture in a generator's form, and what was changed of it.

    Args:
        file: An image file.
        shape: (height, width, channels) of what the generator draws.

    Returns:
        uint8 of that shape, the largest middle of the picture; and a line, empty where it had
        that form already.

    Raises:
        DataError: If it is no sound image.
    """
    height, width, channels = shape
    if not file.exists():
        raise DataError(f"{file}: expected an image; received no file. Name a picture of yours.")
    with opened_image(file) as image:
        size, mode = image.size, image.mode
    side = max(height, width)
    (pixels,) = decode_files([file], ImageForm(side, "crop", channels))
    top, left = (side - height) // 2, (side - width) // 2
    pixels = pixels[top : top + height, left : left + width]
    if (size, mode) == ((width, height), "L" if channels == 1 else "RGB"):
        return pixels, ""
    form = f"{width} x {height} {'gray' if channels == 1 else 'RGB'}"
    return pixels, f"{file}: {size[0]} x {size[1]} pixels ({mode}); its middle is taken as {form}"


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Let what the bundle's own program refuses be refused as all commands do."""
    try:
        yield
    except generate.RefusedError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise storage_error(Path(error.filename or "--out"), error) from error
