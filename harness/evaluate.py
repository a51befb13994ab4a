"""Score a generator, an array or a folder of images: `gansweep evaluate IMAGES`."""

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.cli.terminal import new_console
from harness.core.errors import ConfigError, DataError
from harness.core.files import place
from harness.core.option_values import Noise, PixelRange, SplitName
from harness.core.process import quiet_imports

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.data.fitting import ImageForm
    from harness.data.image_dataset import ImageDataset
    from harness.data.readers.image_files import GeneratedImages
    from harness.metrics.evaluator import Evaluator
    from harness.metrics.measures import Measurement

app = new_app()


@app.command(epilog="Exit codes: 0 done; 2 refused, with one message.")
@option.takes_groups
def evaluate(
    *,
    source: Annotated[
        Path,
        typer.Argument(help="A generator's file, images.npz, or a folder of images."),
    ],
    dataset: Annotated[
        str, option.data_option(help=f"What the images imitate: {option.DATASET_HELP}")
    ] = "fashion_mnist",
    data: option.DataFlags,
    reference: Annotated[
        SplitName, option.data_option(help="The split that the images are compared with.")
    ] = "test",
    extractor: Annotated[
        str, option.data_option(help="Name, or a folder that `gansweep extractor` wrote.")
    ] = "panel",
    weights: option.Weights = None,
    num_images: Annotated[
        int, option.data_option(min=2, help="Generated images to compare.")
    ] = 10_000,
    pixel_range: Annotated[
        PixelRange | None,
        option.data_option(
            "--range",
            help="Black and white of the images, -1,1 or 0,1 or 0,255; by default what they tell.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        option.data_option(
            metavar="noise=NAME,label=NAME",
            help="What a generator's inputs are for, where that is in doubt.",
        ),
    ] = None,
    noise: Annotated[
        Noise | None,
        option.data_option(
            help="Distribution of a generator's noise: normal, or uniform from -1 to 1.",
            show_default="normal",
        ),
    ] = None,
    seed: Annotated[int, option.data_option(min=0, help="Of a generator's noise.")] = 0,
    cas: Annotated[
        bool, option.data_option("--cas", help="Also train a classifier on the labelled images.")
    ] = False,
    data_dir: option.DataDir = None,
    out: Annotated[
        Path | None,
        option.output_option(help="JSON to write.", show_default="NAME.evaluation.json"),
    ] = None,
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """Measure images against a data set: FID with its interval, and what stands beside it.

    The images need no GAN of this project. A generator is a `.keras`, `.onnx` or `.tflite` file or
    the folder of a SavedModel; an .npz holds `images`, (n, height, width) or (n, height, width,
    channels), and maybe `labels`; a folder holds image files, maybe in one subfolder a class.
    """
    with clear_errors(debug):
        from harness.data.datasets import load_dataset
        from harness.data.request import DatasetRequest
        from harness.exporting.formats import runtime_of

        path = out or Path(f"{source.absolute().stem}.evaluation.json")
        is_network = runtime_of(source) is not None
        _check(source, path, {"--inputs": inputs, "--noise": noise}, is_network=is_network)
        request = data.of(dataset)
        wanted = load_dataset(request, data_dir)
        # What somebody may have made to fill the memory is read before TensorFlow takes any.
        form = DatasetRequest.parse(request).form
        given = None if is_network else _read(source, wanted, form, pixel_range)
        count = num_images
        if given is not None:
            count = min(count, len(given.images))
            if cas:
                _check_labels(given.labels)
        with quiet_imports():
            from harness.exporting.any_generator import AnyGenerator
            from harness.metrics.cas import DEFAULT_PLAN
            from harness.metrics.evaluator import Evaluator
            from harness.metrics.extractors.panel import load_panel
            from harness.metrics.measures import FEWEST_IMAGES, fewest_for_all
        panel = load_panel(extractor, image_shape=wanted.image_shape, weights=weights)
        dimensions = max(member.dimensions for member in panel.members)
        with warnings.catch_warnings(action="always", category=UserWarning):
            least = max(FEWEST_IMAGES, DEFAULT_PLAN.batch_size if cas else 0)
            needed = max(least, fewest_for_all(dimensions, wanted.num_classes))
            has = len(getattr(wanted, reference))
            _check_number(f"{source}: {count} images", count, has, least=least, needed=needed)
            if given is not None and count < num_images:
                warnings.warn(
                    f"{source} holds {count} images: scores use {count} instead of {num_images}, "
                    f"and FID of so few is biased upwards.",
                    stacklevel=2,
                )
            evaluator = Evaluator(wanted, extractor=panel, num_images=count, split=reference)
        record: dict[str, Any] = {"source": str(source), "noise_seed": None}
        if given is None:
            generator = AnyGenerator(
                source,
                wanted.num_classes,
                inputs=inputs,
                noise=noise or "normal",
                pixel_range=pixel_range,
            )
            new_console(stderr=True).print(f"{source}: {generator.describe()}")
            if noise is not None and generator.roles.noise is None:
                raise ConfigError(f"--noise: {source} takes none. Leave the option out.")
            if generator.image_shape != wanted.image_shape:
                raise DataError(
                    f"{source}: draws images of shape {generator.image_shape}; those of "
                    f"{wanted.name} have {wanted.image_shape}. Choose the --dataset that it "
                    f"imitates, brought to that shape by --image-size and --channels."
                )
            images = generator.sample(seed, evaluator.labels, evaluator.num_images)
            labels = evaluator.labels if generator.conditional else None
            record |= {"noise_seed": seed, **generator.to_dict()}
        else:
            images, labels = _choose(given, evaluator)
            record["range"] = given.pixel_range
        if cas:
            _check_labels(labels)
        measured = evaluator.measure(images, labels)
        if cas and labels is not None:
            measured.append(evaluator.classification_accuracy(images, labels))
        record["measurements"] = [measurement.to_dict() for measurement in measured]
        record["warnings"] = evaluator.pixel_warnings(images)
        _show(measured, record, path, as_json=as_json)


def _check(source: Path, path: Path, given: dict[str, str | None], *, is_network: bool) -> None:
    """Refuse what cannot be read, or could not be written in the end."""
    from harness.core.files import check_writable
    from harness.data.memory import check_archive

    if not source.exists():
        raise DataError(
            f"{place(source)}: no such file or folder. Expected a generator, images.npz or a "
            f"folder of images."
        )
    for flag, value in given.items():
        if value is not None and not is_network:
            raise ConfigError(f"{flag}: {source} is no generator. Leave the option out.")
    check_writable(path)
    check_archive(source)


def _read(
    source: Path, dataset: "ImageDataset", form: "ImageForm", pixel_range: str | None
) -> "GeneratedImages":
    """Return images of a file or a folder, of the data set's shape, and say what they are."""
    from harness.data.readers.image_files import read_images

    read = read_images(source, dataset.class_names, form, pixel_range)
    new_console(stderr=True).print(f"{source}: {read.describe(dataset.class_names)}")
    if read.images.shape[1:] != dataset.image_shape:
        height, width, channels = dataset.image_shape
        size = f"--image-size {width} and " if height == width else ""
        raise DataError(
            f"{source}: images must have the shape (n, {height}, {width}, {channels}) of "
            f"{dataset.name}; received {read.images.shape}. Bring them to it by {size}--channels "
            f"{channels}, or choose another --dataset."
        )
    return read


def _check_labels(labels: "NDArray[np.int32] | None") -> None:
    if labels is None:
        raise ConfigError(
            "--cas: trains a classifier on the generated images, so they need labels; received "
            "none. Give a conditional generator, an .npz with `labels`, or a subfolder a class."
        )


def _check_number(images: str, count: int, has: int, *, least: int, needed: int) -> None:
    """Say how many images all measures need, where there are fewer; refuse too few for any."""
    from harness.metrics.measures import FEWEST_REFERENCES

    all_need = f"all measures need {needed}, and a reference of as many, which has {has}"
    if count < least or has < FEWEST_REFERENCES:
        raise ConfigError(f"{images} are too few to measure: {all_need}. Generate more.")
    if min(count, has) < needed:
        warnings.warn(f"{images}: {all_need}; some are left out.", stacklevel=2)


def _choose(
    given: "GeneratedImages", evaluator: "Evaluator"
) -> "tuple[NDArray[np.uint8], NDArray[np.int32] | None]":
    """Return as many images as are compared, where there are labels in the reference's shares."""
    from harness.metrics.label_policy import choose_rows

    labels = None if evaluator.labels is None else given.labels
    rows = choose_rows(evaluator.num_images, labels=labels, wanted=evaluator.labels)
    return given.images[rows], None if labels is None else labels[rows]


def _show(
    measured: "list[Measurement]", record: dict[str, Any], path: Path, *, as_json: bool
) -> None:
    """Print the result, then write it: a full disk costs the file alone."""
    from harness.core.files import write_json

    if as_json:
        json.dump(record, sys.stdout, indent=2)
        print()
        write_json(path, record)
        return
    from harness.cli.display import measurement_table

    console = new_console()
    console.print(measurement_table(measured))
    for note in record["warnings"]:
        console.print(f"pixels: {note}")
    write_json(path, record)
    console.print(f"Written to {path}")


if __name__ == "__main__":
    app()
