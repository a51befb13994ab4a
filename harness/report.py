"""Report what a study found: `gansweep report --study default`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.cli.terminal import new_console
from harness.core.errors import ConfigError, plain_text

app = new_app()

_WATCH_SECONDS = 15.0


@app.command(epilog="Exit codes: 0 done; 2 refused, with one message.")
def report(
    study: option.Study,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    out: Annotated[
        Path | None, option.output_option(help="Folder to write; by default reports/NAME.")
    ] = None,
    watch: Annotated[
        bool, option.output_option("--watch", help="Keep the page current while the sweep runs.")
    ] = False,
    as_text: Annotated[
        bool, option.output_option("--text", help="Print the report as text.")
    ] = False,
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """Write one HTML file with all that a study found: it needs no network and no other file.

    It shows the winner, the leaderboard, every curve with its images, which parameters mattered,
    the baselines, what it cost and how to repeat it. A study may be running meanwhile.
    """
    with clear_errors(debug):
        from harness.study.record import check_study_name, find_study

        if sum((watch, as_text, as_json)) > 1:
            raise ConfigError(
                "--watch, --text, --json: expected one of them at most; received several."
            )
        folder = find_study(studies_dir, study)
        target = out or Path("reports") / check_study_name(study)
        if target.exists() and not target.is_dir():
            raise ConfigError(
                f"--out: expected a folder, to write index.html into; received the file {target}. "
                f"Name a folder; it is made if needed."
            )
        if watch:
            _watch(folder, target)
        elif as_text or as_json:
            _print(folder, as_json=as_json)
        else:
            _write(folder, target)


def _print(folder: Path, *, as_json: bool) -> None:
    from harness.reporting.report_data import read_report
    from harness.reporting.report_text import report_text

    data = read_report(folder)
    if as_json:
        print(json.dumps(data.to_dict(), indent=2))
    else:
        print(plain_text(report_text(data, width=new_console().width)))


def _write(folder: Path, target: Path, *, follows: bool = False) -> None:
    from harness.reporting.page import write_page
    from harness.reporting.report_data import read_report

    page = write_page(read_report(folder), target, follows=follows)
    size = page.stat().st_size / 1e6
    print(f"Wrote {page} ({size:.1f} MB)", flush=True)


def _watch(folder: Path, target: Path) -> None:
    from harness.reporting.page import keep_current

    def write(running: bool) -> None:
        _write(folder, target, follows=running)

    try:
        keep_current(folder, write, every_seconds=_WATCH_SECONDS)
    except KeyboardInterrupt:
        write(False)  # the page that is open stops loading itself again
        raise typer.Exit(130) from None
    print("No sweep is running on it; the page is complete.")


if __name__ == "__main__":
    app()
