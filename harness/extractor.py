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
@option.takes_groups
def extractor(
    *,
    dataset: Annotated[
        str, option.data_option(help=f"Labelled data set: {option.DATASET_HELP}")
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
    """Train the small classifier whose hidden layer scores generators of this data set.

    Writes weights.npz and extractor.json (id, SHA-256, test accuracy). Give the folder to
    --extractor elsewhere. The extractor fashion_cnn in the package was trained by this command's
    default plan; another machine gets other weights of like accuracy.
    """
    with clear_errors(debug):
        settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "mirror": mirror}
        _train(data.of(dataset), data_dir, out=out, settings=settings)


def _train(
    dataset: str, data_dir: Path | None, *, out: Path | None, settings: dict[str, Any]
) -> None:
    # TensorFlow takes seconds to import: --help must not wait for it.
    with quiet_imports():
        from harness.data.datasets import load_dataset
        from harness.metrics.extractors.extractor_training import standard_plans, train_extractor

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
