"""Show tables whole at any width, and names as they are."""

import io
import re

import pytest
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.text import Text

from harness.cli.terminal import FittingTable, new_console

ROWS = [("[red]a[/b]", "12.3456", "0123456789abcdef"), (":smile:", "0.0001", "fedcba9876543210")]


def shown(width: int) -> str:
    table = FittingTable(("name", "value", "protocol", ""), left=("name",), title="a title")
    for row in ROWS:
        table.add_row(*row, ProgressBar(total=1, width=24))
    console = new_console()
    console.file, console.width = io.StringIO(), width
    console.print(table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 200])
def test_no_name_and_no_number_is_ever_cut(width: int):
    text = shown(width)
    for row in ROWS:
        for cell in row:
            assert cell in text
    assert ("value: 12.3456" in text) == (width < 80)  # a list where the table is wider


def test_words_wrap_where_that_keeps_the_table():
    def lines(width: int) -> list[str]:
        table = FittingTable(("measure", "value"), left=("measure",), wraps="measure")
        table.add_row("fid_class_1 (Trouser) by fashion_cnn", "12.3456")
        console = new_console()
        console.file, console.width = io.StringIO(), width
        console.print(table)
        return [" ".join(line.split()) for line in console.file.getvalue().splitlines()[2:]]

    assert lines(60)[-2] == "fid_class_1 (Trouser) by fashion_cnn 12.3456"
    assert lines(40)[-3:-1] == ["fid_class_1 (Trouser) by 12.3456", "fashion_cnn"]
    assert "value: 12.3456" in lines(15)


def test_a_list_names_each_value():
    assert shown(40).splitlines() == [
        "a title",
        "name: [red]a[/b]",
        "value: 12.3456",
        "protocol: 0123456789abcdef",
        "",
        "name: :smile:",
        "value: 0.0001",
        "protocol: fedcba9876543210",
        "",
        "",
    ]


def test_consoles_leave_text_alone(capsys: pytest.CaptureFixture[str]):
    console = new_console()
    assert isinstance(console, Console)
    console.print("runs [gan] [/y] :smile: 12")
    assert capsys.readouterr().out == "runs [gan] [/y] :smile: 12\n"


STEERING = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e\udcff"
# Rich drops bells and returns itself.
AS_TEXT = re.compile(r"\\x1b\]0;owned(\\x07)?\\x1b\[2J(\\r)?\\x9b31m\\u202e\\udcff")


@pytest.mark.parametrize("width", [40, 300])
@pytest.mark.parametrize("colours", [False, True])
def test_control_characters_are_shown_as_text(width: int, colours: bool):
    console = new_console()
    console.file, console.width = io.StringIO(), width
    if colours:
        console = type(console)(
            file=io.StringIO(), width=width, force_terminal=True, highlight=False, markup=False
        )
    table = FittingTable((f"h{STEERING}", "other"), title=STEERING, caption=Text(STEERING))
    table.add_row(STEERING, Text(STEERING, style="red"))
    console.print(table)
    console.print(STEERING)
    console.print(Text(STEERING, style="red"))
    console.out(STEERING)
    text = console.file.getvalue()
    assert len(AS_TEXT.findall(text)) >= 6
    of_rich = r"\x1b\[[0-9;]*m" if colours else "no colours"
    assert "\x1b" not in re.sub(of_rich, "", text)
    assert not set(text) & set("\x07\r\x9b\u202e\udcff")


def test_what_has_spaces_is_cut_no_more_than_what_has_none():
    wide = FittingTable(("study", "trials", "trial"), left=("study",), wraps="trial")
    wide.add_row("endings", "1 / 1 / 2 / 0", "0000 mlp at 4 kimg; it may go on")
    for width in (50, 34, 24):
        console = Console(width=width, file=io.StringIO())
        console.print(wide)
        printed = console.file.getvalue()
        assert "…" not in printed
        assert "endings" in printed
        assert "1 / 1 / 2 / 0" in printed
        assert ("study: endings" in printed) == (width == 24)
