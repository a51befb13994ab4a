"""Train a feature extractor for a data set: `gansweep extractor`."""

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.core.quiet import quiet_imports

app = new_app()


@app.command(epilog="Exit codes: 0 done; 2 refused, with one message.")
def train(
    dataset: Annotated[
        str, typer.Option(help=f"Labelled data set: {option.DATASET_HELP}")
    ] = "fashion_mnist",
    classes: option.Classes = None,
    split: option.Split = None,
    image_size: option.ImageSize = None,
    fit: option.Fit = None,
    channels: option.Channels = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write.", show_default="extractors/NAME of the data set"),
    ] = None,
    epochs: Annotated[int, typer.Option(min=4, help="Passes over the training images.")] = 28,
    seed: Annotated[int, typer.Option(min=0, help="Origin of all randomness.")] = 1,
    mirror: Annotated[
        bool, typer.Option(help="Mirror images by chance; unsound for digits and letters.")
    ] = True,
    data_dir: option.DataDir = None,
    debug: option.Debug = False,
) -> None:
    """Train the small classifier whose hidden layer scores generators of this data set.

    Writes weights.npz and extractor.json (id, SHA-256, test accuracy). Give the folder to
    --extractor elsewhere. The extractor fashion_cnn in the package was trained by this command's
    default plan; another machine gets other weights of like accuracy.
    """
    with clear_errors(debug):
        from harness.data.request import with_options

        wanted = with_options(
            dataset,
            classes=classes,
            split=split,
            image_size=image_size,
            fit=fit,
            channels=channels,
        )
        settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "mirror": mirror}
        _train(wanted, data_dir, out=out, settings=settings)


def _train(
    dataset: str, data_dir: Path | None, *, out: Path | None, settings: dict[str, Any]
) -> None:
    # TensorFlow takes seconds to import: --help must not wait for it.
    with quiet_imports():
        from harness.data.datasets import load_dataset
        from harness.metrics.extractors.classifier_training import standard_plans
        from harness.metrics.extractors.extractor_training import train_extractor

    images = load_dataset(dataset, data_dir)
    folder = out or Path("extractors") / images.name
    plans = standard_plans(**settings)
    lines = itertools.count(1)

    def report(epoch: int, train_accuracy: float, validation_accuracy: float) -> None:
        typer.echo(
            f"epoch {next(lines):>2}/{settings['epochs']}  training accuracy "
            f"{train_accuracy:.4f}  validation accuracy {validation_accuracy:.4f}"
        )

    record = train_extractor(images, folder, plans=plans, report=report)
    typer.echo(
        f"test accuracy {record['test_accuracy']:.4f}\n"
        f"id            {record['id']}\n"
        f"sha256        {record['sha256']}\n"
        f"written to    {folder}\n"
        f"Use it: --extractor {folder}"
    )


if __name__ == "__main__":
    app()
