"""Tell what a study found: `python -m harness.report --study default`."""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import clear_errors, new_app
from harness.errors import ConfigError, HarnessError
from harness.quiet import quiet_imports

if TYPE_CHECKING:
    from harness.reporting.report_data import ReportData

app = new_app()


@app.command(epilog="Exit codes: 0 done; 2 refused, with one message.")
def report(
    study: Annotated[str, typer.Option(help="Name of the study.")],
    studies_dir: Annotated[Path, typer.Option(help="Folder of all studies.")] = Path("studies"),
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="HARNESS_DATA_DIR", help="Where to look for the data first."),
    ] = None,
    as_text: Annotated[bool, typer.Option("--text", help="Print the report as text.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show a study's winner, leaderboard, parameters, cost and failures, also while it runs."""
    with clear_errors(debug):
        if as_text and as_json:
            raise ConfigError("--text, --json: expected one of them at most; received both.")
        data = _read(studies_dir, study, data_dir)
        if as_json:
            print(json.dumps(data.to_dict(), indent=2))
            return
        from harness.reporting.text import report_text

        print(report_text(data))


def _read(studies_dir: Path, study: str, data_dir: Path | None) -> "ReportData":
    from harness.reporting.report_data import read_report
    from harness.search.folders import find_study, read_study

    folder = find_study(studies_dir, study)
    names = _class_names(read_study(folder).dataset, data_dir)
    return read_report(folder, class_names=names)


def _class_names(dataset: str, data_dir: Path | None) -> tuple[str, ...] | None:
    """Return what the rows of grids are called; None where the images are not at hand."""
    with quiet_imports():
        from harness.data.datasets import load_dataset

    with contextlib.suppress(HarnessError):
        return load_dataset(dataset, data_dir).class_names
    return None


if __name__ == "__main__":
    app()
