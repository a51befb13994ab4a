"""Run or resume a study: `gansweep sweep --trials 50`."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.cli import options as option
from harness.cli.app import EXIT_CODES, clear_errors, new_app
from harness.core.durations import format_seconds, parse_duration
from harness.core.quiet import quiet_imports

if TYPE_CHECKING:
    from harness.runner.study_runner import StudyRunner
    from harness.runner.sweep_options import SweepOptions
    from harness.space.space import SearchSpace
    from harness.study.leaderboard import Entry

app = new_app()


@app.command(epilog=EXIT_CODES)
def sweep(
    trials: Annotated[int, typer.Option(min=1, help="Trials the study shall have in total.")] = 50,
    search_space: Annotated[
        str, typer.Option(help="Name of a shipped search space, or a YAML file.")
    ] = "default",
    study: Annotated[
        str | None, typer.Option(help="Name of the study; by default the search space's.")
    ] = None,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    workers: option.Workers = "auto",
    engine: option.Engine = "local",
    address: option.Address = None,
    cpus_per_worker: option.CpusPerWorker = None,
    gpus_per_worker: option.GpusPerWorker = None,
    files: option.Files = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Origin of all randomness; 0 in a new study.")
    ] = None,
    enqueue: Annotated[
        Path | None, typer.Option(help="YAML list of configurations to try first.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Train the presets beside the search.")
    ] = False,
    baseline_seconds: Annotated[
        float, typer.Option(min=1, callback=option.finite, help="Time for each of them.")
    ] = 60,
    dataset: Annotated[
        str | None,
        typer.Option(
            help=f"{option.DATASET_HELP} By default the search space's.", show_default=False
        ),
    ] = None,
    classes: option.Classes = None,
    split: option.Split = None,
    image_size: option.ImageSize = None,
    fit: option.Fit = None,
    channels: option.Channels = None,
    data_dir: option.DataDir = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="What FID sees through: a name, or a folder that `gansweep extractor` wrote; by "
            "default the search space's.",
            show_default=False,
        ),
    ] = None,
    weights: option.Weights = None,
    tracker: option.Tracker = "wandb",
    no_images: option.NoImages = False,
    histograms: option.Histograms = False,
    wandb_project: option.WandbProject = None,
    wandb_entity: option.WandbEntity = None,
    wandb_mode: option.WandbMode = "auto",
    max_worker_memory: Annotated[
        float,
        typer.Option(
            min=500, callback=option.finite, help="MiB at which a worker process is replaced."
        ),
    ] = 2500,
    checkpoint_seconds: option.CheckpointSeconds = 60,
    keep: Annotated[
        str, typer.Option(help="Whose networks stay on disk: all, best or none.")
    ] = "all",
    trial_timeout: Annotated[
        str | None, typer.Option(help="End a trial that takes longer, e.g. 20m.")
    ] = None,
    max_failed_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            callback=option.finite,
            help="Stop when more than this share of trials fails.",
        ),
    ] = 0.5,
    time_budget: Annotated[
        str | None, typer.Option(help="Stop this sweep in good order after e.g. 45m.")
    ] = None,
    target_fid: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=option.finite,
            help="Stop once a trial's final FID is at most this.",
        ),
    ] = None,
    fork: Annotated[
        str | None,
        typer.Option(help="Begin a new study of this name with the trials that still compare."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the parameters, three configurations and what the sweep will take, from "
            "ten seconds of training; write nothing.",
        ),
    ] = False,
    as_json: option.AsJsonWithProgress = False,
    debug: option.Debug = False,
) -> None:
    """Search for the GAN with the lowest FID; the same command again goes on where it stopped.

    Trials train in worker processes, are scored at the rungs of the search space, and are pruned
    when outranked. Everything lies in one folder, studies/NAME.
    """
    with clear_errors(debug):
        from harness.backends.cluster import read_cluster
        from harness.backends.factory import find_devices
        from harness.data.request import with_options
        from harness.runner.study_runner import StudyRunner, check_options
        from harness.runner.sweep_options import SweepOptions
        from harness.space.space import SearchSpace
        from harness.study.retention import check_keep
        from harness.tracking.tracker import TrackerOptions, check_wandb_mode

        space = SearchSpace.load(search_space)
        wanted = with_options(
            dataset or space.dataset,
            classes=classes,
            split=split,
            image_size=image_size,
            fit=fit,
            channels=channels,
        )
        space = space.on_dataset(wanted)
        if extractor is not None:
            space = space.seen_through(extractor)
        cluster = read_cluster(
            engine,
            address=address,
            cpus_per_worker=cpus_per_worker,
            gpus_per_worker=gpus_per_worker,
            files=files,
        )
        fleet = find_devices(workers, cluster)
        name = fork or study or space.name
        options = SweepOptions(
            name=name,
            studies_dir=studies_dir,
            trials=trials,
            workers=fleet.at_most(trials),
            threads=fleet.threads,
            gpus=fleet.gpus,
            seed=seed,
            data_dir=data_dir,
            weights=weights,
            baseline_seconds=baseline_seconds if baselines else None,
            enqueue=enqueue,
            tracker=tracker,
            tracker_options=TrackerOptions(
                images=not no_images,
                histograms=histograms,
                project=wandb_project,
                entity=wandb_entity,
                wandb_mode=check_wandb_mode(wandb_mode),
            ),
            max_worker_megabytes=max_worker_memory,
            checkpoint_seconds=checkpoint_seconds,
            keep=check_keep(keep),
            trial_timeout_seconds=parse_duration(trial_timeout, "--trial-timeout"),
            max_failed_share=max_failed_share,
            time_budget_seconds=parse_duration(time_budget, "--time-budget"),
            target_fid=target_fid,
            cluster=cluster,
        )
        if dry_run:
            check_options(space, options)
            _preview(space, options)
            return
        runner = StudyRunner(space, options)  # refuses bad options before anything is written
        if fork is not None:
            _fork(studies_dir, study or space.name, fork, space)
        _run(runner, studies_dir, last_rung=space.budget.rungs_kimg[-1], as_json=as_json)


def _fork(studies_dir: Path, source: str, target: str, space: "SearchSpace") -> None:
    from harness.study.fork import fork_study

    made = fork_study(studies_dir, source, target, space=space)
    lines = [f"{made.folder} begins with {made.copied} trials of {source}."]
    lines += [f"  left out: {line}" for line in made.left_out]
    print("\n".join(lines), file=sys.stderr)


def _preview(space: "SearchSpace", options: "SweepOptions") -> None:
    with quiet_imports():
        from harness.diagnosis.dry_run import preview
    for line in preview(space, options):
        print(line, flush=True)


def _run(runner: "StudyRunner", studies_dir: Path, *, last_rung: float, as_json: bool) -> None:
    from harness.cli.display import SweepDisplay
    from harness.reporting.study_publisher import StudyRun
    from harness.study.leaderboard import rank, read_entries
    from harness.study.retention import disk_use
    from harness.tracking.wandb_mode import wandb_mode

    console = Console(stderr=as_json, soft_wrap=True)
    began = time.monotonic()
    if runner.options.tracker == "wandb":
        requested = runner.options.tracker_options.wandb_mode
        console.print(wandb_mode(runner.folder, requested).hint, highlight=False)
    with SweepDisplay(console, trials=runner.options.trials, kimg=last_rung) as display:
        study_run = StudyRun(
            runner.folder,
            display,
            tracker=runner.options.tracker,
            options=runner.options.tracker_options,
        )
        stop = runner.run(study_run)
    study_run.publish()
    ranked = rank(read_entries(runner.folder))
    if as_json:
        _print_json(runner.folder, ranked, complete=stop is None)
    else:
        _print_result(console, runner.folder, ranked, seconds=time.monotonic() - began)
        _print_next(console, runner.folder, studies_dir, ranked)
    if runner.folder.exists():
        console.print(f"Disk: {disk_use(runner.folder) / 2**20:.1f} MiB in {runner.folder}")
    if stop is not None:
        console.print(stop.message, highlight=False, markup=False)
        raise typer.Exit(stop.exit_code)


def _print_json(folder: Path, ranked: "list[Entry]", *, complete: bool) -> None:
    result = {
        "study": str(folder),
        "ended": complete,
        "leaderboard": [entry.to_dict() for entry in ranked],
    }
    json.dump(result, sys.stdout, indent=2)
    print()


def _print_result(
    console: Console, folder: Path, ranked: "list[Entry]", *, seconds: float
) -> None:
    from harness.cli.display import count_outcomes, format_config, leaderboard_table
    from harness.study.leaderboard import winner

    console.print(leaderboard_table(ranked))
    console.print(f"{count_outcomes(ranked)}; {format_seconds(seconds)}", highlight=False)
    best = winner(ranked)
    if best is None:
        console.print("No trial has completed, so there is no winner yet.")
        return
    console.print(f"\nBest: trial {best.name}, {best.folder.path}", highlight=False)
    console.print(format_config(best.config), highlight=False)


def _print_next(console: Console, folder: Path, studies_dir: Path, ranked: "list[Entry]") -> None:
    from harness.study.leaderboard import winner

    if winner(ranked) is None:
        return
    place = "" if studies_dir == option.STUDIES_DIR else f" --studies-dir {studies_dir}"
    console.print(
        f"\nNext:\n"
        f"  gansweep export --study {folder.name}{place}\n"
        f"  gansweep train --from {folder.name}{place} --kimg 5000\n"
        f"  wandb leet {folder}/wandb",
        highlight=False,
    )


if __name__ == "__main__":
    app()
