"""Train one GAN without a search: `gansweep train --preset mlp_cgan`."""

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from harness.cli import options as option
from harness.cli.app import EXIT_CODES, clear_errors, new_app
from harness.cli.terminal import new_console
from harness.core.errors import ConfigError
from harness.core.process import quiet_imports

if TYPE_CHECKING:
    import keras

    from harness.core.option_values import TrackerName
    from harness.data.image_dataset import ImageDataset
    from harness.gan.config.config import GANConfig
    from harness.gan.user_code.user_functions import UserFunctions
    from harness.tracking.identity import TrackerOptions
    from harness.training.context import TrainingContext
    from harness.training.job import TrainingJob, WorkerSetup

app = new_app()


@app.command(epilog=EXIT_CODES)
@option.takes_groups
def train(
    *,
    preset: Annotated[str | None, option.training_option(help="Name of a preset.")] = None,
    config: Annotated[Path | None, option.training_option(help="YAML of a configuration.")] = None,
    from_study: Annotated[
        str | None,
        option.training_option(
            "--from", metavar="STUDY[:TRIAL]", help="Go on from a trial or the winner."
        ),
    ] = None,
    continue_from: Annotated[
        Path | None,
        option.training_option(
            "--continue", metavar="FOLDER", help="Go on from an ended training."
        ),
    ] = None,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    kimg: Annotated[
        float,
        option.training_option(
            min=0.001,
            callback=option.finite,
            help="Thousands of real images shown to D, in total.",
        ),
    ] = 256,
    seed: Annotated[
        int | None, option.training_option(min=0, help="Origin of all randomness of the training.")
    ] = None,
    dataset: Annotated[
        str | None,
        option.data_option(
            help=f"{option.DATASET_HELP} By default fashion_mnist.", show_default=False
        ),
    ] = None,
    data: option.DataFlags,
    data_dir: option.DataDir = None,
    extractor: Annotated[
        str | None,
        option.data_option(
            help="What FID sees through: panel, the default, another name, or a folder "
            "that `gansweep extractor` wrote."
        ),
    ] = None,
    weights: option.Weights = None,
    num_images: Annotated[
        int | None,
        option.data_option(min=2, help="Generated images FID compares; by default 10,000."),
    ] = None,
    tracking: option.TrackingFlags,
    histograms: option.Histograms = False,
    out: Annotated[
        Path | None, option.output_option(help="Folder to write; by default one in trainings/.")
    ] = None,
    print_every: Annotated[
        str | None,
        option.output_option(
            help="When to print mean losses, e.g. '50 batches' or '1 epoch'; presets say it.",
            show_default=False,
        ),
    ] = None,
    sample_every: Annotated[
        str | None,
        option.output_option(
            help="When to save sample images in samples/, e.g. '10 epochs'.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, option.output_option("--dry-run", help="Print both networks and train nothing.")
    ] = False,
    debug: option.Debug = False,
) -> None:
    """Train one GAN from a preset, a YAML or a trial; the same command again goes on.

    It says first how long it will take. The folder has the form of a trial's: configuration,
    history, grids, scores, both networks; and a picture of the losses. What goes on from a trial
    is scored as its study was, and from a training as that was.
    """
    with clear_errors(debug):
        from harness.metrics.extractor_folder import located_extractor
        from harness.study.data_place import check_places
        from harness.study.training_source import find_start, with_cadences

        given: dict[str, Any] = {
            "dataset": dataset,
            "extractor": extractor,
            "num_images": num_images,
        }
        measure = {key: value for key, value in given.items() if value is not None}
        start = find_start(
            preset=preset,
            config=config,
            from_study=from_study,
            continue_from=continue_from,
            studies_dir=studies_dir,
        )
        if start.study is not None:
            check_places(start.study, dataset=dataset is None, extractor=extractor is None)
        gan, measure = start.config, start.measure | measure
        measure["dataset"] = data.of(measure.get("dataset", "fashion_mnist"))
        if "extractor" in measure:
            measure["extractor"] = located_extractor(measure["extractor"])
        if seed is not None:
            if start.begin_from is not None:
                kind = "trial" if start.earlier is None else "training"
                raise ConfigError(f"--seed: a {kind} goes on with its own seed. Leave it out.")
            gan = gan.model_copy(update={"seed": seed})
        if dry_run:
            _print_networks(gan, start.functions, measure["dataset"], data_dir)
            return
        from harness.training.earlier_training import as_known, check_same_data
        from harness.training.job import WorkerSetup
        from harness.training.standalone import check, claim, standalone_job
        from harness.training.training_folder import TrainingFolder

        job = standalone_job(
            gan,
            TrainingFolder(out or start.folder_for(gan.seed, kimg)),
            kimg,
            monitor=with_cadences(start.monitor, print_every, sample_every),
            inspects=histograms,
        )
        setup = WorkerSetup(
            data_dir=data_dir, weights=weights, functions=start.functions, **measure
        )
        setup = as_known(setup, job.folder, start.images)
        tracker_options = tracking.options(histograms=histograms)
        check(job, setup, start.begin_from)  # what needs no images is checked first
        if start.note:
            print(start.note)
        context = _context_for(job, setup)
        if start.earlier is not None:
            check_same_data(start.earlier.folder.path, start.earlier.record, context.dataset)
        keeps = start.earlier is not None
        # Nothing is written before all is known to work.
        with claim(job, setup, begin_from=start.begin_from, keep_history=keeps) as record:
            _run(job, record, context, tracking.tracker, tracker_options)


def _print_networks(
    gan: "GANConfig", functions: "UserFunctions", dataset: str, data_dir: Path | None
) -> None:
    from harness.data.datasets import load_dataset
    from harness.data.image_dataset import check_sides

    with quiet_imports():
        from harness.gan.user_code.contract import register_user_functions

    images = check_sides(load_dataset(dataset, data_dir), dataset)
    register_user_functions(functions, images.image_shape, images.num_classes)
    for model in _build_networks(gan, images):
        model.summary(line_length=98)
        trainable = sum(int(weight.shape.num_elements()) for weight in model.trainable_weights)
        print(f"{model.name}: {model.count_params():,} parameters, {trainable:,} trainable\n")


def _context_for(job: "TrainingJob", setup: "WorkerSetup") -> "TrainingContext":
    """Return what it is trained with, once the networks are known to be buildable."""
    with quiet_imports():
        import keras

        from harness.training.context import prepare_context

    context = prepare_context(setup)
    _build_networks(job.config, context.dataset)
    keras.utils.clear_session()  # forget the networks that were tried
    return context


def _build_networks(config: "GANConfig", images: "ImageDataset") -> "list[keras.Model]":
    """Return generator and discriminator, or say why there can be none."""
    with quiet_imports():
        import tensorflow as tf

        from harness.gan.networks.discriminators import build_discriminator
        from harness.gan.networks.generators import build_generator

    try:
        return [
            build(config, images.image_shape, images.num_classes)
            for build in (build_generator, build_discriminator)
        ]
    except tf.errors.ResourceExhaustedError as error:
        raise ConfigError(
            "The networks do not fit into this machine's memory. Use a smaller width, depth or "
            "kernel_size of generator and discriminator."
        ) from error


def _run(
    job: "TrainingJob",
    record: dict[str, Any],
    context: "TrainingContext",
    tracker_name: "TrackerName",
    tracker_options: "TrackerOptions",
) -> None:
    from harness.cli.display import TrainingDisplay, print_wandb_hint
    from harness.core.durations import format_kimg, format_seconds
    from harness.tracking.tracker import open_tracker

    with quiet_imports():
        from harness.training.reporter import Reporter
        from harness.training.standalone import identity_of, run

    console = new_console()
    print_wandb_hint(console, job.folder.path, tracker_name, tracker_options)
    _warn_of_spent_rates(job, console)
    reporter = Reporter(
        job.config,
        job.monitor,
        folder=job.folder,
        images=len(context.dataset.train),
        tell=console.print,
        display=TrainingDisplay(console, kimg=job.rungs_kimg[-1]).hear,
    )
    identity = identity_of(job, record)
    with contextlib.closing(reporter):
        outcome = run(
            job,
            record,
            context,
            open_tracker=lambda: open_tracker(tracker_name, identity, tracker_options),
            listen=reporter.on_event,
            on_estimate=reporter.on_estimate,
        )
    if isinstance(outcome, signal.Signals):
        reporter.draw()
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(128 + outcome)
    console.print(
        f"{outcome.state.value} ({outcome.reason.value}): {outcome.detail}; "
        f"{format_kimg(outcome.kimg)} kimg in {format_seconds(outcome.duration_seconds)}\n"
        f"Everything lies in {job.folder.path}"
    )


def _warn_of_spent_rates(job: "TrainingJob", console: Console) -> None:
    """Warn that learning rates end their decay before the training ends."""
    schedule, kimg = job.config.schedule, job.rungs_kimg[-1]
    if schedule.name == "constant" or kimg <= schedule.decay_kimg:
        return
    left = f"at {100 * schedule.final_share:g} %" if schedule.final_share else "at 0"
    console.print(
        f"Learning rates stay {left} beyond schedule.decay_kimg, {schedule.decay_kimg:g} of "
        f"{kimg:g} kimg."
    )


if __name__ == "__main__":
    app()
