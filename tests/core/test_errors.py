import os
from pathlib import Path

import pytest

from harness.core.errors import (
    MissingExtraError,
    first_line,
    require_packages,
    without_secrets,
)


def test_an_installed_package_is_not_missed() -> None:
    require_packages("The chart", ["numpy"], "Install it.")


def test_what_is_missing_is_named_with_a_remedy() -> None:
    expected = "^The chart needs no_such_a, no_such_b, which are not installed. Use bars.$"
    with pytest.raises(MissingExtraError, match=expected):
        require_packages("The chart", ["no_such_a", "numpy", "no_such_b"], "Use bars.")


def test_the_first_line_of_a_message_is_short() -> None:
    assert first_line(ValueError("  one\ntwo")) == "one"
    assert first_line(ValueError()) == ""
    assert len(first_line(ValueError("x" * 999))) == 300


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mysql://joe:hunter22@db/x refused", "mysql://db/x refused"),
        ("no host in https://token0@example.org", "no host in https://example.org"),
        ("key sk-12345 is invalid", "key $MY_API_KEY is invalid"),
        ("got letters", "got $DB_PASSWORD"),
        ("wrote planted-value-7", "wrote $PLAIN"),
        ("networks are tensorflow's", "networks are tensorflow's"),
        ("step 12 of 12", "step 12 of 12"),
        ("no file {home}/pictures/a.png", "no file ~/pictures/a.png"),
        ("no file {home}2/a.png", "no file {home}2/a.png"),
        ("no file {cwd}/study/a.png", "no file study/a.png"),
    ],
)
def test_text_of_others_is_kept_without_secrets(
    text: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    home, cwd = tmp_path / "ann", tmp_path / "work"
    cwd.mkdir()
    monkeypatch.chdir(cwd)
    variables = {
        "HOME": str(home), "MY_API_KEY": "sk-12345", "DB_PASSWORD": "letters",
        "PLAIN": "planted-value-7", "KERAS_BACKEND": "tensorflow", "OMP_AUTH": "12",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    places = {"home": home, "cwd": cwd}
    assert without_secrets(text.format(**places)) == kept.format(**places)
    assert first_line(ValueError(text.format(**places))) == kept.format(**places)
