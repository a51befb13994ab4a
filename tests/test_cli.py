"""Give every command the same manners."""

import pytest
import typer

from harness.cli import EXIT_BAD_INPUT, clear_errors, new_app
from harness.errors import HarnessError, StudyError, near_miss


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


def test_an_unknown_option_is_refused_with_exit_code_2(capsys: pytest.CaptureFixture[str]):
    assert run(app_that_raises(HarnessError("never raised")), "--trails", "3") == 2
    assert "--trails" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("received", "expected"),
    [("fashon", " Did you mean 'fashion'?"), ("zzz", ""), ("", "")],
)
def test_a_near_miss_is_named_and_a_far_one_is_not(received: str, expected: str):
    assert near_miss(received, ["fashion", "digits"]) == expected
