"""Train one GAN without a search: `python -m harness.train --preset mlp_cgan`."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from harness.cli import (
    DATASET_HELP,
    EXIT_CODES,
    ChannelsOption,
    ClassesOption,
    FitOption,
    ImageSizeOption,
    SplitOption,
    clear_errors,
    new_app,
)
from harness.errors import ConfigError
from harness.quiet import quiet_imports

if TYPE_CHECKING:
    from harness.gan.config import GANConfig
    from harness.training.folder import TrainingFolder
    from harness.training.standalone import Training

app = new_app()


@app.command(epilog=EXIT_CODES)
def train(
    preset: Annotated[str | None, typer.Option(help="Name of a preset.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML of a configuration.")] = None,
    from_study: Annotated[
        str | None,
        typer.Option("--from", metavar="STUDY[:TRIAL]", help="Go on from a trial or the winner."),
    ] = None,
    kimg: Annotated[
        float, typer.Option(min=0.001, help="Thousands of real images shown to D, in total.")
    ] = 256,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Origin of all randomness of the training.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; by default one in trainings/.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print both networks and train nothing.")
    ] = False,
    studies_dir: Annotated[Path, typer.Option(help="Folder of all studies.")] = Path("studies"),
    dataset: Annotated[
        str | None,
        typer.Option(help=f"{DATASET_HELP} By default fashion_mnist.", show_default=False),
    ] = None,
    classes: ClassesOption = None,
    split: SplitOption = None,
    image_size: ImageSizeOption = None,
    fit: FitOption = None,
    channels: ChannelsOption = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="HARNESS_DATA_DIR", help="Where to look for the data first."),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="What FID sees through: fashion_cnn, the default, another name, or a folder "
            "that harness.extractor wrote."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of an extractor that does not bring its own.")
    ] = None,
    num_images: Annotated[
        int | None, typer.Option(min=2, help="Generated images FID compares; by default 10,000.")
    ] = None,
    tracker: Annotated[str, typer.Option(help="wandb, jsonl or none.")] = "wandb",
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Keep image grids out of W&B.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Train one GAN from a preset, a YAML or a trial; the same command again goes on.

    The folder has the form of a trial's: configuration, history, grids, scores, both networks.
    What goes on from a trial is scored as its study was.
    """
    with clear_errors(debug):
        from harness.data.request import with_options

        given: dict[str, Any] = {
            "dataset": dataset,
            "extractor": extractor,
            "num_images": num_images,
        }
        measure = {key: value for key, value in given.items() if value is not None}
        begin_from, gan = _source(preset, config, from_study, studies_dir)
        if from_study is not None:
            measure = _measure_of_study(from_study, studies_dir) | measure
        measure["dataset"] = with_options(
            measure.get("dataset", "fashion_mnist"),
            classes=classes,
            split=split,
            image_size=image_size,
            fit=fit,
            channels=channels,
        )
        if seed is not None:
            if begin_from is not None:
                raise ConfigError("--seed: a trial goes on with its own seed. Leave it out.")
            gan = gan.model_copy(update={"seed": seed})
        if dry_run:
            _print_networks(gan, measure["dataset"], data_dir)
            return
        from harness.tracking.tracker import TrackerOptions
        from harness.training.folder import TrainingFolder
        from harness.training.standalone import Training, claim

        name = _default_name(preset, config, from_study, gan.seed, kimg)
        training = Training(
            config=gan,
            folder=TrainingFolder(out or Path("trainings") / name),
            kimg=kimg,
            begin_from=begin_from,
            tracker=tracker,
            tracker_options=TrackerOptions(images=not no_images),
            **measure,
        )
        with claim(training) as record:
            _run(training, record, data_dir=data_dir, weights=weights)


def _source(
    preset: str | None, config: Path | None, from_study: str | None, studies_dir: Path
) -> "tuple[TrainingFolder | None, GANConfig]":
    """Return what to train, and the folder to go on from if there is one."""
    given = [
        option
        for option, value in (("--preset", preset), ("--config", config), ("--from", from_study))
        if value is not None
    ]
    if len(given) != 1:
        raise ConfigError(
            f"Expected exactly one of --preset, --config and --from; received "
            f"{', '.join(given) or 'none'}. Presets are {_preset_names()}."
        )
    from harness.gan.presets import load_config, load_preset

    if preset is not None:
        return None, load_preset(preset)
    if config is not None:
        return None, load_config(config)
    from harness.search.folders import find_study
    from harness.search.leaderboard import find_entry

    name, _, trial = str(from_study).partition(":")
    if trial and not trial.isdecimal():
        raise ConfigError(f"--from: expected STUDY or STUDY:NUMBER; received {from_study!r}.")
    entry = find_entry(find_study(studies_dir, name), int(trial) if trial else None)
    return entry.folder, entry.config


def _measure_of_study(from_study: str, studies_dir: Path) -> dict[str, Any]:
    """Return how a study scores its trials: what goes on from one is scored alike."""
    from harness.search.folders import find_study, read_study

    record = read_study(find_study(studies_dir, from_study.partition(":")[0]))
    return {
        "dataset": record.dataset,
        "extractor": record.extractor,
        "metric": record.protocol["metric"],
        "num_images": record.protocol["num_images"],
    }


def _preset_names() -> str:
    from harness.gan.presets import PRESETS

    return ", ".join(PRESETS)


def _default_name(
    preset: str | None, config: Path | None, from_study: str | None, seed: int, kimg: float
) -> str:
    if from_study is not None:
        return f"{from_study.replace(':', '-')}-{kimg:g}kimg"
    stem = preset or (config.stem if config else "")
    return f"{stem}-seed{seed}-{kimg:g}kimg"


def _print_networks(gan: "GANConfig", dataset: str, data_dir: Path | None) -> None:
    from harness.data.datasets import load_dataset
    from harness.data.images import check_sides

    with quiet_imports():
        from harness.gan.discriminators import build_discriminator
        from harness.gan.generators import build_generator

    images = check_sides(load_dataset(dataset, data_dir))
    for build in (build_generator, build_discriminator):
        model = build(gan, images.image_shape, images.num_classes)
        model.summary(line_length=98)
        trainable = sum(int(weight.shape.num_elements()) for weight in model.trainable_weights)
        print(f"{model.name}: {model.count_params():,} parameters, {trainable:,} trainable\n")


def _run(
    training: "Training",
    record: dict[str, Any],
    *,
    data_dir: Path | None,
    weights: Path | None,
) -> None:
    from harness.durations import format_seconds
    from harness.terminal import TrainingDisplay
    from harness.tracking.wandb_mode import wandb_mode

    with quiet_imports():
        from harness.training.runner import Runner
        from harness.training.standalone import run

    console = Console(soft_wrap=True)
    if training.tracker == "wandb":
        hint = wandb_mode(training.folder.path).hint
        console.print(hint, highlight=False, markup=False)
    runner = Runner(
        dataset=training.dataset,
        data_dir=data_dir,
        extractor=training.extractor,
        weights=weights,
        metric=training.metric,
        num_images=training.num_images,
    )
    display = TrainingDisplay(console, kimg=training.kimg)
    outcome = run(training, record, runner=runner, listen=display.hear)
    if isinstance(outcome, signal.Signals):
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(128 + outcome)
    console.print(
        f"{outcome.state.value} ({outcome.reason.value}): {outcome.detail}; "
        f"{outcome.kimg:g} kimg in {format_seconds(outcome.duration_seconds)}\n"
        f"Everything lies in {training.folder.path}",
        highlight=False,
        markup=False,
    )


if __name__ == "__main__":
    app()
