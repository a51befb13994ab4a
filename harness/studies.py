"""List, show, compare, adopt and remove studies: `gansweep studies list`."""

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.cli.terminal import FittingTable, new_console

if TYPE_CHECKING:
    from harness.study.overview import StudyOverview, Unreadable

app = new_app()


@app.callback(epilog="Exit codes: 0 done; 1 declined; 2 refused, with one message.")
def studies() -> None:
    """List, show, compare, adopt and remove studies."""


@app.command("list")
def list_studies(
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """List all studies with their trials by state and their best final score."""
    with clear_errors(debug):
        from harness.study.overview import Unreadable, sum_up_all

        found = sum_up_all(studies_dir)
    damaged = [each for each in found if isinstance(each, Unreadable)]
    sound = [each for each in found if not isinstance(each, Unreadable)]
    if as_json:
        _print_json([each.to_dict() for each in sound] + [vars(each) for each in damaged])
        return
    if not found:
        print(f"There is no study in {studies_dir}.")
        return
    console = new_console()
    console.print(_table(sound))
    _print_damaged(console, damaged)


@app.command()
def show(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """Show one study: its record, how its trials ended, the best of them, its disk use."""
    with clear_errors(debug):
        from harness.study.overview import sum_up
        from harness.study.record import find_study

        overview = sum_up(find_study(studies_dir, study))
        board = [entry.to_dict() for entry in overview.ranked]  # reads every configuration
    if as_json:
        _print_json(overview.to_dict() | {"leaderboard": board})
        return
    from harness.cli.display import count_outcomes, leaderboard_table

    console = new_console()
    for key, value in dataclasses.asdict(overview.record).items():
        if key != "protocol" and value is not None:
            console.print(f"{key:18} {value}")
    protocol = overview.protocol
    console.print(f"{'protocol':18} {protocol.name} ({protocol.fingerprint})")
    console.print(f"{'disk':18} {_megabytes(overview.disk_bytes)}")
    ranked = list(overview.ranked)
    unfinished = f"; {overview.unfinished} unfinished" if overview.unfinished else ""
    running = "; a sweep is running" if overview.running else ""
    console.print(f"\n{count_outcomes(ranked)}{unfinished}{running}\n")
    console.print(leaderboard_table(ranked))


@app.command()
def compare(
    studies: Annotated[list[str], typer.Argument(help="Names of two studies or more.")],
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """Compare studies that were scored by one protocol, the best first."""
    with clear_errors(debug):
        from harness.study.overview import compare as compare_studies

        found = compare_studies(studies_dir, studies)
    if as_json:
        _print_json([each.to_dict() for each in found])
        return
    new_console().print(_table(found))


@app.command()
def adopt(
    study: Annotated[str, typer.Argument(help="Name of the folder.")],
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    debug: option.Debug = False,
) -> None:
    """Make a study of its own of a copied or renamed folder: with its name and a new id."""
    with clear_errors(debug):
        from harness.study.record import adopt as adopt_study
        from harness.study.record import find_study

        record = adopt_study(find_study(studies_dir, study))
    print(f"Study {record.name} is one of its own now; its W&B runs begin anew.")


@app.command()
def rm(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    debug: option.Debug = False,
) -> None:
    """Remove a study with everything in its folder, after asking."""
    with clear_errors(debug):
        from harness.study.record import copy_fault, find_to_remove, read_study, remove
        from harness.study.retention import disk_use

        folder = find_to_remove(studies_dir, study)
        if fault := copy_fault(folder, read_study(folder)):
            print(f"note: {fault} Only this folder is removed.", file=sys.stderr)
        size = _megabytes(disk_use(folder))
        if not yes and not typer.confirm(f"Remove {folder} ({size}) for good?"):
            print("Nothing was removed.")
            raise typer.Exit(1)
        remove(studies_dir, study)
    print(f"Removed {folder} ({size}).")


def _table(found: "list[StudyOverview]") -> Table:
    columns = ("study", "trials", "best", "trial", "score", "fingerprint", "disk")
    table = FittingTable(
        columns,
        left=("study", "trials", "trial", "score", "fingerprint"),
        wraps="trial",
        caption="trials: complete / pruned / failed / unfinished",
    )
    for each in found:
        best, score = each.best, each.best_score
        table.add_row(
            each.folder.name + (" (running)" if each.running else ""),
            " / ".join(str(count) for count in each.counts.values()),
            f"{score.value:.3f}" if score else "-",
            f"{best.name} {best.config.family} {best.stands}" if best else "-",
            each.protocol.name,
            each.protocol.fingerprint,
            _megabytes(each.disk_bytes),
        )
    return table


def _print_damaged(console: Console, damaged: "list[Unreadable]") -> None:
    for each in damaged:
        console.print(f"{each.name}: {each.message}")


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


if __name__ == "__main__":
    app()
