"""Give every command the same manners."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from harness.cli.app import EXIT_BAD_INPUT, clear_errors, new_app
from harness.core.errors import HarnessError, StudyError, near_miss
from tests.support.commands import Commands


def run(app: typer.Typer, *arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        app(list(arguments))
    return int(end.value.code or 0)


def app_that_raises(error: BaseException, *, debug: bool = False) -> typer.Typer:
    app = new_app()

    @app.command()
    def main() -> None:
        with clear_errors(debug):
            raise error

    return app


def test_an_expected_error_is_one_message_on_stderr_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
):
    assert run(app_that_raises(StudyError("studies: no study named 'x'."))) == EXIT_BAD_INPUT == 2
    captured = capsys.readouterr()
    assert captured.err == "error: studies: no study named 'x'.\n"
    assert captured.out == ""


def test_debug_lets_the_traceback_through():
    with pytest.raises(HarnessError, match=r"^bad$"):
        app_that_raises(HarnessError("bad"), debug=True)([])


def test_a_fault_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError, match="oops"):
        app_that_raises(ZeroDivisionError("oops"))([])


def test_ctrl_c_before_anything_runs_is_exit_code_130(capsys: pytest.CaptureFixture[str]):
    assert run(app_that_raises(KeyboardInterrupt())) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_command_that_is_done_exits_with_0():
    app = new_app()
    app.command()(lambda: None)
    with pytest.raises(SystemExit, match=r"^0$"):
        app([])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("explore", ("x", "--port", "abc"), "--port: expected a valid integer; received 'abc'."),
        (
            "explore",
            ("x", "--port", "99999"),
            "--port: expected less than or equal to 65535; received '99999'.",
        ),
        ("export", ("--study", "s", "--trial", "x"), "--trial: expected a valid integer; receiv"),
        ("sweep", ("--trails", "3"), "No such option: --trails (Possible options: "),
        ("explore", (), "Missing argument 'bundle'."),
        ("export", (), "Missing option '--study'."),
        ("confirm", ("--study",), "Option '--study' requires an argument."),
        ("train", ("more",), "Got unexpected extra argument(s) (more)."),
        ("studies", ("sho",), "No such command 'sho'. Did you mean 'show'? See --help."),
    ],
)
def test_a_command_line_is_refused_in_one_line(
    name: str, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    command = importlib.import_module(f"harness.{name}")
    assert run(command.app, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {message}")
    assert captured.err.endswith(" See --help.\n")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        "confirm --study s", "dashboard --study s", "doctor", "export --study s",
        "report --study s", "studies list", "studies show s", "studies compare s t",
        "studies rm s", "sweep", "train",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["s3://bucket/x", "s3:/bucket/x", "gs::s3://bucket/x"])
def test_a_url_is_no_studies_folder(words: str, place: str, capsys: pytest.CaptureFixture[str]):
    name, *arguments = words.split()
    command = importlib.import_module(f"harness.{name}")
    assert run(command.app, *arguments, "--studies-dir", place) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert f"expected a local or mounted folder; received the URL {place}. " in captured.err


COMMANDS = (
    "confirm", "dashboard", "doctor", "evaluate", "explore", "export", "extractor", "report",
    "studies", "sweep", "train",
)  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_typers_and_loads_nothing_heavy(name: str, commands: Commands, tmp_path: Path):
    script = (
        f"import sys, runpy; sys.argv = ['x', '--help']\n"
        f"try:\n    runpy.run_module('harness.{name}', run_name='__main__')\n"
        "except SystemExit as end:\n    code = end.code\n"
        "heavy = [name for name in ('tensorflow', 'keras', 'wandb') if name in sys.modules]\n"
        "sys.exit(f'{heavy}' if heavy else code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=commands.environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "╭─ Options ─" in result.stdout


@pytest.mark.parametrize(
    ("received", "expected"),
    [("fashon", " Did you mean 'fashion'?"), ("zzz", ""), ("", "")],
)
def test_a_near_miss_is_named_and_a_far_one_is_not(received: str, expected: str):
    assert near_miss(received, ["fashion", "digits"]) == expected
