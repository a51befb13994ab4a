"""Check this machine, or mend one study: `gansweep doctor [--study NAME --repair]`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.cli.terminal import new_console
from harness.core.errors import ConfigError
from harness.core.option_values import TrackerName
from harness.core.process import quiet_imports, read_keras_file

if TYPE_CHECKING:
    from harness.diagnosis.finding import Finding

app = new_app()

_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


@app.command(epilog="Exit codes: 0 nothing fails; 1 something does; 2 refused, with one message.")
def doctor(
    study: Annotated[
        str | None, typer.Option(help="Examine this study instead of the machine.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what disagrees within the study.")
    ] = False,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    data_dir: option.DataDir = None,
    calibration: Annotated[
        bool, typer.Option(help="Train for half a minute to predict what a sweep takes.")
    ] = True,
    tracker: Annotated[TrackerName, typer.Option(help="What the study was tracked by.")] = "wandb",
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """List what is missing, unsuitable or inconsistent, a line each: ok, warn or fail.

    With --study, list where the folder, Optuna's journal and W&B's logs of a study disagree;
    --repair mends them in this order of truth: outcome.json, then Optuna, then W&B.
    """
    with clear_errors(debug):
        if study is None:
            if repair:
                raise ConfigError("--repair: expected --study NAME beside it; received none.")
            findings = _examine_machine(studies_dir, data_dir, calibration=calibration)
        else:
            from harness.diagnosis.consistency import examine_study

            findings = examine_study(studies_dir, study, tracker=tracker, repair=repair)
    _print(findings, as_json=as_json)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def _examine_machine(
    studies_dir: Path, data_dir: Path | None, *, calibration: bool
) -> "list[Finding]":
    from harness.diagnosis.finding import fail

    try:
        read_keras_file()
    except ConfigError as error:  # nothing that needs Keras can be looked at
        return [fail("keras.json", str(error))]
    with quiet_imports():
        from harness.diagnosis.cost import predict_default_sweep, work_as_a_worker
        from harness.diagnosis.environment import check_environment
    work_as_a_worker()
    findings = check_environment(studies_dir, data_dir)
    if calibration and all(finding.level != "fail" for finding in findings):
        findings += predict_default_sweep(studies_dir, data_dir)
    return findings


def _print(findings: "list[Finding]", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([finding.to_dict() for finding in findings], indent=2))
        return
    console = new_console()
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        level = (f"{finding.level:4}", _COLORS[finding.level])
        console.print(Text.assemble(level, f"  {finding.name:{width}}  {finding.message}"))


if __name__ == "__main__":
    app()
