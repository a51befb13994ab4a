"""Run or resume a study: `gansweep sweep --trials 50`."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.cli import options as option
from harness.cli.app import EXIT_CODES, clear_errors, new_app
from harness.cli.terminal import new_console
from harness.core.durations import elapsed_seconds, format_seconds, parse_duration
from harness.core.errors import ConfigError
from harness.core.option_values import Keep
from harness.core.process import quiet_imports

if TYPE_CHECKING:
    from harness.runner.study_jobs import StudyJobs
    from harness.runner.study_runner import StudyRunner
    from harness.runner.sweep_options import SweepOptions
    from harness.space.space import SearchSpace
    from harness.study.leaderboard import Entry

app = new_app()


@app.command(epilog=EXIT_CODES)
@option.takes_groups
def sweep(
    *,
    trials: Annotated[
        int | None,
        option.study_option(
            min=1,
            help="Trials the study shall have in total; by default 50, or as many as the time "
            "budget leaves.",
            show_default=False,
        ),
    ] = None,
    search_space: Annotated[
        str, option.study_option(help="Name of a shipped search space, or a YAML file.")
    ] = "default",
    study: Annotated[
        str | None, option.study_option(help="Name of the study; by default the search space's.")
    ] = None,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    seed: Annotated[
        int | None, option.study_option(min=0, help="Origin of all randomness; 0 in a new study.")
    ] = None,
    enqueue: Annotated[
        Path | None, option.study_option(help="YAML list of configurations to try first.")
    ] = None,
    baselines: Annotated[
        bool, option.study_option("--baselines", help="Train the presets beside the search.")
    ] = False,
    baseline_seconds: Annotated[
        float, option.study_option(min=1, callback=option.finite, help="Time for each of them.")
    ] = 60,
    fork: Annotated[
        str | None,
        option.study_option(
            help="Begin a new study of this name with the trials that still compare."
        ),
    ] = None,
    finish: Annotated[
        bool,
        option.study_option(
            "--finish",
            help="Train the leaders on in the end, as the search space says or twice as far.",
        ),
    ] = False,
    time_budget: Annotated[
        str | None,
        option.study_option(
            help="Plan this sweep for e.g. 45m: about half for new trials, the end for training "
            "the best ones on."
        ),
    ] = None,
    target_fid: Annotated[
        float | None,
        option.study_option(
            min=0, callback=option.finite, help="Stop once a trial's final FID is at most this."
        ),
    ] = None,
    max_failed_share: Annotated[
        float,
        option.study_option(
            min=0,
            max=1,
            callback=option.finite,
            help="Stop when more than this share of trials fails.",
        ),
    ] = 0.5,
    trial_timeout: Annotated[
        str | None, option.training_option(help="End a trial that takes longer, e.g. 20m.")
    ] = None,
    checkpoint_seconds: option.CheckpointSeconds = 60,
    keep: Annotated[Keep, option.training_option(help="Whose networks stay on disk.")] = "all",
    dataset: Annotated[
        str | None,
        option.data_option(
            help=f"{option.DATASET_HELP} By default the search space's.", show_default=False
        ),
    ] = None,
    data: option.DataFlags,
    data_dir: option.DataDir = None,
    extractor: Annotated[
        str | None,
        option.data_option(
            help="What FID sees through: a name, or a folder that `gansweep extractor` wrote; by "
            "default the search space's.",
            show_default=False,
        ),
    ] = None,
    weights: option.Weights = None,
    workers: option.WorkerFlags,
    max_worker_memory: Annotated[
        float,
        option.worker_option(
            min=500, callback=option.finite, help="MiB at which a worker process is replaced."
        ),
    ] = 2500,
    tracking: option.TrackingFlags,
    histograms: option.Histograms = False,
    dry_run: Annotated[
        bool,
        option.output_option(
            "--dry-run",
            help="Print the parameters, three configurations and what the sweep will take, from "
            "ten seconds of training; write nothing.",
        ),
    ] = False,
    opens: Annotated[
        bool,
        option.output_option(
            "--open", help="Show the report in the browser, current while the sweep runs."
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
        from harness.runner.study_jobs import StudyJobs
        from harness.runner.study_runner import StudyRunner
        from harness.runner.sweep_options import DEFAULT_TRIALS, MOST_TRIALS, SweepOptions
        from harness.space.space import SearchSpace

        space = SearchSpace.load(search_space)
        space = space.on_dataset(data.of(dataset or space.dataset))
        if extractor is not None:
            space = space.seen_through(extractor)
        seconds = parse_duration(time_budget, "--time-budget")
        trials = trials or (DEFAULT_TRIALS if seconds is None or dry_run else MOST_TRIALS)
        options = SweepOptions(
            name=fork or study or space.name,
            studies_dir=studies_dir,
            trials=trials,
            seed=seed,
            data_dir=data_dir,
            weights=weights,
            baseline_seconds=baseline_seconds if baselines else None,
            enqueue=enqueue,
            finish=finish,
            tracker=tracking.tracker,
            tracker_options=tracking.options(histograms=histograms),
            max_worker_megabytes=max_worker_memory,
            checkpoint_seconds=checkpoint_seconds,
            keep=keep,
            trial_timeout_seconds=parse_duration(trial_timeout, "--trial-timeout"),
            max_failed_share=max_failed_share,
            time_budget_seconds=seconds,
            target_fid=target_fid,
            **workers.settings(at_most=trials),
        )
        if fork is not None:
            from harness.study.data_place import on_known_images
            from harness.study.record import find_study

            old = find_study(studies_dir, study or space.name)
            space = on_known_images(old, space, data_dir)
        jobs = StudyJobs(space, options)  # refuses bad options before anything is written
        if dry_run:
            if opens:
                raise ConfigError("--open: shows a sweep; received --dry-run. Leave one out.")
            _preview(space, options)
            return
        if seconds is not None:
            from harness.diagnosis.time_check import check_time_budget

            check_time_budget(space, options)
        runner = StudyRunner(jobs)
        if fork is not None:
            _fork(study or space.name, jobs)
        _run(runner, jobs, as_json=as_json, opens=opens)


def _fork(source: str, jobs: "StudyJobs") -> None:
    from harness.study.fork import IncomparableTrialsError, fork_study, leading_params

    options = jobs.options
    studies_dir = options.studies_dir
    try:
        made = fork_study(studies_dir, source, options.name, space=jobs.space)
    except IncomparableTrialsError as error:
        params = leading_params(studies_dir, source, jobs.space)
        jobs.enqueue(params)
        lines = [str(error), f"Its {len(params)} best configurations are trained again, first."]
    else:
        lines = [f"{made.folder} begins with {made.copied} trials of {source}."]
        lines += [f"  left out: {line}" for line in made.left_out]
    print("\n".join(lines), file=sys.stderr)


def _preview(space: "SearchSpace", options: "SweepOptions") -> None:
    with quiet_imports():
        from harness.diagnosis.dry_run import preview
    for line in preview(space, options):
        print(line, flush=True)


def _run(runner: "StudyRunner", jobs: "StudyJobs", *, as_json: bool, opens: bool) -> None:
    from harness.cli.display import SweepDisplay, print_wandb_hint
    from harness.cli.live_report import run_shown
    from harness.reporting.study_publisher import run_published
    from harness.runner.stop_rules import nothing_completed
    from harness.study.leaderboard import rank, read_entries, winner
    from harness.study.retention import disk_use

    console = new_console(stderr=as_json)
    began = elapsed_seconds()
    options, plan = jobs.options, jobs.plan
    folder = options.folder
    if plan is not None:
        console.print(plan.describe(jobs.finish_leaders))
    print_wandb_hint(console, folder, options.tracker, options.tracker_options)
    remains, last_rung = plan.remains if plan else None, jobs.space.budget.rungs_kimg[-1]
    with SweepDisplay(console, trials=options.trials, kimg=last_rung, remains=remains) as display:
        if opens:
            stop = run_shown(runner, display, console.print)
        else:
            stop = run_published(runner, display)
    ranked = rank(read_entries(folder))
    best = winner(ranked)
    if as_json:
        board = [entry.to_dict() for entry in ranked]
        record = {
            "study": str(folder),
            "ended": stop is None,
            "winner": best.to_dict() if best else None,
            "leaderboard": board,
        }
        print(json.dumps(record, indent=2))
    else:
        _print_result(console, ranked, best, seconds=elapsed_seconds() - began)
        _print_next(console, best, options)
    if folder.exists():
        console.print(f"Disk: {disk_use(folder) / 2**20:.1f} MiB in {folder}")
    if stop is None or stop.exit_code == 0:
        stop = nothing_completed(ranked) or stop
    if stop is not None:
        console.print(stop.message)
        raise typer.Exit(stop.exit_code)


def _print_result(
    console: Console, ranked: "list[Entry]", best: "Entry | None", *, seconds: float
) -> None:
    from harness.cli.display import count_outcomes, format_config, leaderboard_table

    console.print(leaderboard_table(ranked))
    console.print(f"{count_outcomes(ranked)}; {format_seconds(seconds)}")
    if best is None:
        return
    console.print(f"\nBest: trial {best.name}, {best.folder.path}, {best.stands}")
    console.print(format_config(best.config))


def _print_next(console: Console, best: "Entry | None", options: "SweepOptions") -> None:
    """Print commands that can be given now, each for something that is there."""
    from harness.study.record import study_options

    study = study_options(options.folder)
    lines = []
    if best is not None and best.folder.generator_file.exists():
        lines.append(f"gansweep export {study}")
    if best is not None and best.folder.checkpoint_file.exists():
        lines.append(f"gansweep train {study.replace('--study', '--from', 1)} --kimg 5000")
    if (options.folder / "study.json").exists():
        lines.append(f"gansweep report {study}")
    wandb = options.studies_dir / options.name / "wandb"
    if options.tracker == "wandb" and wandb.is_dir():
        lines.append(f"wandb leet {shlex.quote(str(wandb))}")
    if lines:
        console.print("\n  ".join(["\nNext:", *lines]))


if __name__ == "__main__":
    app()
