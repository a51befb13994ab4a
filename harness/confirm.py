"""Confirm a study's winner: `gansweep confirm --study default --top 5 --seeds 3`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.cli import options as option
from harness.cli.app import EXIT_CODES, clear_errors, new_app
from harness.cli.terminal import new_console
from harness.core.durations import format_seconds
from harness.core.events import Event, Finished, RungScored, Started

if TYPE_CHECKING:
    from harness.confirmation.confirmation_jobs import ConfirmationJobs
    from harness.core.outcome import Outcome
    from harness.gan.config.config import GANConfig
    from harness.runner.study_runner import StudyRunner

app = new_app()


@app.command(epilog=EXIT_CODES)
@option.takes_groups
def confirm(
    *,
    study: option.Study,
    top: Annotated[int, option.study_option(help="How many of its leaders to retrain.")] = 5,
    seeds: Annotated[int, option.study_option(help="New seeds of each, at most.")] = 3,
    extractor: Annotated[
        str | None,
        option.data_option(
            help="What the test scores see through, e.g. inception; by default the study's.",
            show_default=False,
        ),
    ] = None,
    weights: option.Weights = None,
    dataset: option.MovedData = None,
    data_dir: option.DataDir = None,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    checkpoint_seconds: option.CheckpointSeconds = 60,
    workers: option.WorkerFlags,
    tracking: option.TrackingFlags,
    as_json: option.AsJsonWithProgress = False,
    debug: option.Debug = False,
) -> None:
    """Retrain a study's leaders on new seeds and score them on the test split.

    The same command again goes on where it stopped; a larger --top or --seeds adds to it,
    and a smaller one loses nothing. A candidate that is clearly out gets no more seeds.
    """
    with clear_errors(debug):
        from harness.confirmation.confirmation_jobs import ConfirmationJobs, ConfirmOptions
        from harness.runner.study_runner import StudyRunner
        from harness.study.data_place import move_data
        from harness.study.record import find_study

        options = ConfirmOptions(
            name=study,
            studies_dir=studies_dir,
            top=top,
            seeds=seeds,
            extractor=extractor,
            weights=weights,
            data_dir=data_dir,
            tracker=tracking.tracker,
            tracker_options=tracking.options(),
            checkpoint_seconds=checkpoint_seconds,
            **workers.settings(),
        )
        move_data(find_study(studies_dir, study), dataset, data_dir)
        jobs = ConfirmationJobs(options)
        _run(StudyRunner(jobs), jobs, as_json=as_json)


def _run(runner: "StudyRunner", jobs: "ConfirmationJobs", *, as_json: bool) -> None:
    from harness.cli.display import confirmation_table, print_wandb_hint
    from harness.confirmation.confirmation_text import confirmation_lines
    from harness.confirmation.result import result_file
    from harness.reporting.study_publisher import run_published

    console = new_console(stderr=as_json)
    options = jobs.options
    folder = options.folder
    print_wandb_hint(console, folder, options.tracker, options.tracker_options)
    if jobs.plan.note:
        console.print(jobs.plan.note)
    stop = run_published(runner, _Lines(console, trainings=len(jobs.plan.planned)))
    result = jobs.result
    if result is not None:
        if as_json:
            print(json.dumps(result.to_dict(), indent=2))
        else:
            console.print(confirmation_table(result))
            for line in confirmation_lines(result):
                console.print(line)
            console.print(f"Written to {result_file(folder)}")
    if stop is not None:
        console.print(stop.message)
        raise typer.Exit(stop.exit_code)


class _Lines:
    """A listener that prints a confirmation: a line a score and a line an end."""

    def __init__(self, console: Console, *, trainings: int) -> None:
        self._print = console.print
        self._trainings = trainings
        self._ended = 0

    def opened(self, ended: int) -> None:
        """Take in how many trainings have ended before."""
        self._ended = ended
        self._print(f"{ended} of at most {self._trainings} trainings have ended before.")

    def hear(self, name: str, config: "GANConfig", event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Started) and event.kimg:
            self._print(f"{name} {config.family:8} goes on from {event.kimg:g} kimg")
        elif isinstance(event, RungScored):
            score = event.score
            self._print(
                f"{name} {config.family:8} {event.kimg:6g} kimg  {score.protocol.name} "
                f"{score.value:8.3f}"
            )
        elif isinstance(event, Finished):
            self._ended += 1
            self._print(self._end(name, config, event.outcome))

    def _end(self, name: str, config: "GANConfig", outcome: "Outcome") -> str:
        test = f"test {outcome.tests[-1].text}" if outcome.tests else outcome.detail
        took = format_seconds(outcome.duration_seconds)
        return (
            f"{name} {config.family:8} {outcome.state.value} ({outcome.reason.value})  {test}  "
            f"{took}  [{self._ended} of at most {self._trainings}]"
        )


if __name__ == "__main__":
    app()
