import dataclasses
from typing import Annotated

import pytest
import typer

from harness.cli import options as option
from harness.cli.app import new_app


@dataclasses.dataclass(frozen=True)
class Size:
    width: Annotated[int, option.data_option(min=1)] = 4
    height: Annotated[int | None, option.data_option(help="Lines.")] = None


def _call(*arguments: str) -> tuple[int, list[tuple[str, Size, bool]]]:
    """Return the exit code, and what a command was called with."""
    app, calls = new_app(), []

    @app.command()
    @option.takes_groups
    def draw(
        *,
        name: Annotated[str, typer.Argument()],
        size: Size,
        fill: Annotated[bool, typer.Option("--fill")] = False,
    ) -> None:
        """Draw."""
        calls.append((name, size, fill))

    with pytest.raises(SystemExit) as end:
        app(list(arguments))
    return end.value.code, calls


def test_the_fields_of_a_group_are_options():
    assert _call("x", "--height", "3", "--fill") == (0, [("x", Size(4, 3), True)])


def test_a_field_keeps_its_default_and_its_limits(capsys: pytest.CaptureFixture[str]):
    assert _call("x") == (0, [("x", Size(4, None), False)])
    assert _call("x", "--width", "0") == (2, [])
    assert "--width: expected greater than or equal to 1; received '0'" in capsys.readouterr().err


def test_the_help_shows_them_in_their_panel(capsys: pytest.CaptureFixture[str]):
    _call("--help")
    panel = capsys.readouterr().out.partition("─ Data ─")[2]
    assert "--width" in panel
    assert "[default: 4]" in panel
    assert "Lines." in panel
