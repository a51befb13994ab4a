"""Train a feature extractor for a data set: `gansweep extractor`."""

import shlex
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.core.durations import format_seconds
from harness.core.process import quiet_imports

app = new_app()


@app.command(epilog="Exit codes: 0 done; 2 refused, with one message.")
@option.takes_groups
def extractor(
    *,
    dataset: Annotated[
        str, option.data_option(help=f"Its images are learned: {option.DATASET_HELP}")
    ] = "fashion_mnist",
    data: option.DataFlags,
    epochs: Annotated[
        int, option.training_option(min=4, help="Passes over the training images.")
    ] = 28,
    seed: Annotated[int, option.training_option(min=0, help="Origin of all randomness.")] = 1,
    mirror: Annotated[
        bool,
        option.training_option(help="Mirror images by chance; unsound for digits and letters."),
    ] = True,
    data_dir: option.DataDir = None,
    out: Annotated[
        Path | None,
        option.output_option(
            help="Folder to write.", show_default="extractors/NAME of the data set"
        ),
    ] = None,
    debug: option.Debug = False,
) -> None:
    """Train the small networks whose hidden layers score generators of this data set.

    A panel judges, since what one network selects looks best to it: two classifiers of different
    architecture and seed; without labels, two networks that tell how images were turned. Writes
    extractor.json and one folder a member; the same command again goes on. Give the folder to
    --extractor elsewhere.
    """
    with clear_errors(debug):
        settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "mirror": mirror}
        _train(data.of(dataset), data_dir, out=out, settings=settings)


def _train(
    dataset: str, data_dir: Path | None, *, out: Path | None, settings: dict[str, Any]
) -> None:
    from harness.data.datasets import load_dataset

    images = load_dataset(dataset, data_dir)  # before TensorFlow takes memory
    with quiet_imports():
        from harness.metrics.extractors.extractor_training import TrainingPlan
        from harness.metrics.extractors.panel_training import judges_of, train_panel

    folder = out or Path("extractors") / images.name
    lines: Counter[str] = Counter()
    epochs = settings["epochs"]
    total, began = len(judges_of(images)) * epochs, time.monotonic()

    def estimate(member: str, step_seconds: float) -> None:
        seconds = step_seconds * (len(images.train) // TrainingPlan.batch_size) * epochs
        shape = " x ".join(map(str, images.image_shape))
        typer.echo(
            f"{member}: {len(images.train):,} images of {shape}: {epochs} epochs take "
            f"about {format_seconds(seconds)}, less where validation no longer improves"
        )

    def report(member: str, epoch: int, train_accuracy: float, validation_accuracy: float) -> None:
        lines[member] += 1  # a second stage counts its epochs anew
        done = epochs * (len(lines) - 1) + lines[member]
        left = (time.monotonic() - began) / lines.total() * (total - done)
        typer.echo(
            f"{member:17} epoch {lines[member]:>2}/{epochs}  training accuracy "
            f"{train_accuracy:.4f}  validation accuracy {validation_accuracy:.4f}  "
            f"<= {format_seconds(left)} left"
        )

    record = train_panel(images, folder, report=report, estimate=estimate, **settings)
    for name in record["judges"]:
        typer.echo(f"{name:17} test accuracy {record['members'][name]['test_accuracy']:.4f}")
    typer.echo(
        f"id            {record['id']}\n"
        f"sha256        {record['sha256']}\n"
        f"written to    {folder}\n"
        f"Use it: --extractor {shlex.quote(str(folder))}"
    )


if __name__ == "__main__":
    app()
