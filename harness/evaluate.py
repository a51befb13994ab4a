"""Score a generator, an array or a folder of images: `gansweep evaluate IMAGES`."""

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.core.errors import ConfigError, DataError
from harness.core.files import place
from harness.core.option_values import SplitName
from harness.core.quiet import quiet_imports

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.data.fitting import ImageForm
    from harness.data.image_dataset import ImageDataset
    from harness.metrics.evaluator import Evaluator
    from harness.metrics.measures import Measurement

app = new_app()


@app.command(epilog="Exit codes: 0 done; 2 refused, with one message.")
@option.takes_groups
def evaluate(
    *,
    source: Annotated[
        Path, typer.Argument(help="generator.keras, images.npz, or a folder of images.")
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

    The images need no GAN of this project. An .npz holds `images`, uint8 (n, height, width) or
    (n, height, width, channels), and maybe `labels`; a folder holds image files, maybe in one
    subfolder a class.
    """
    with clear_errors(debug):
        if not source.exists():
            raise DataError(
                f"{place(source)}: no such file or folder. Expected generator.keras, images.npz "
                f"or a folder of images."
            )
        with quiet_imports():
            from harness.core.files import write_json
            from harness.data.datasets import load_dataset
            from harness.data.request import DatasetRequest
            from harness.metrics.extractors.panel import load_panel

        request = data.of(dataset)
        wanted = load_dataset(request, data_dir)
        feature_extractor = load_panel(extractor, image_shape=wanted.image_shape, weights=weights)
        with warnings.catch_warnings(action="always", category=UserWarning):
            settings = {
                "extractor": feature_extractor,
                "num_images": num_images,
                "split": reference,
            }
            evaluator, images, labels = _take(
                source, wanted, settings, seed, DatasetRequest.parse(request).form
            )
        if cas and labels is None:
            raise ConfigError(
                "--cas: trains a classifier on the generated images, so they need labels; "
                "received none. Give a conditional generator, an .npz with `labels`, or a "
                "subfolder a class."
            )
        measured = evaluator.measure(images, labels)
        if cas and labels is not None:
            measured.append(evaluator.classification_accuracy(images, labels))
        notes = evaluator.pixel_warnings(images)
        record = {
            "source": str(source),
            "noise_seed": seed if source.suffix == ".keras" else None,
            "measurements": [measurement.to_dict() for measurement in measured],
            "warnings": notes,
        }
        path = out or Path(f"{source.absolute().stem}.evaluation.json")
        write_json(path, record)
        if as_json:
            json.dump(record, sys.stdout, indent=2)
            print()
        else:
            _print_table(measured, notes, path)


def _take(
    source: Path,
    dataset: "ImageDataset",
    settings: dict[str, Any],
    seed: int,
    form: "ImageForm",
) -> "tuple[Evaluator, NDArray[np.uint8], NDArray[np.int32] | None]":
    """Return an evaluator for as many images as there are, with the images and their labels."""
    from harness.data.readers.image_files import read_images
    from harness.gan.sampling import Sampler, load_generator
    from harness.metrics.evaluator import Evaluator
    from harness.metrics.label_policy import choose_rows
    from harness.training.generator_scoring import sample_for

    if source.suffix == ".keras":
        sampler = Sampler(load_generator(source))
        evaluator = Evaluator(dataset, **settings)
        images = sample_for(evaluator, sampler, noise_seed=seed)
        return evaluator, images, evaluator.labels if sampler.conditional else None
    read = read_images(source, dataset.class_names, form)
    images, labels = read.images, read.labels
    typer.echo(f"{source}: {read.describe(dataset.class_names)}", err=True)
    if len(images) < 2:
        raise ConfigError(f"{source}: holds {len(images)} image; expected at least 2.")
    if len(images) < settings["num_images"]:
        warnings.warn(
            f"{source} holds {len(images)} images: scores use {len(images)} instead of "
            f"{settings['num_images']}, and FID of so few is biased upwards.",
            stacklevel=2,
        )
    count = min(len(images), settings["num_images"])
    evaluator = Evaluator(dataset, **{**settings, "num_images": count})
    rows = choose_rows(evaluator.num_images, labels=labels, wanted=evaluator.labels)
    return evaluator, images[rows], None if labels is None else labels[rows]


def _print_table(measured: "list[Measurement]", notes: tuple[str, ...], path: Path) -> None:
    from harness.cli.display import measurement_table
    from harness.core.terminal import new_console

    console = new_console()
    console.print(measurement_table(measured))
    for note in notes:
        console.print(f"pixels: {note}")
    console.print(f"Written to {path}")


if __name__ == "__main__":
    app()
