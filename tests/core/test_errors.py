import pytest

from harness.core.errors import MissingExtraError, first_line, require_packages


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
