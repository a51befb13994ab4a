"""Skips that say whether the cause could have been installed, and a line for each cause."""

import collections
from typing import NoReturn

import pytest

_INSTALLABLE = "not installed: "


def skip_not_installed(what: str, remedy: str) -> NoReturn:
    """Skip a test for want of something that the machine could have.

    With `--no-installable-skips` the whole run fails for it.
    """
    pytest.skip(f"{_INSTALLABLE}{what} ({remedy})")


def reasons(skipped: list[pytest.TestReport]) -> list[str]:
    """Return a line for each reason why tests were skipped, the most frequent first."""
    counts = collections.Counter(_reason(report) for report in skipped)
    return [f"{count} skipped: {reason}" for reason, count in counts.most_common()]


def are_installable(skipped: list[pytest.TestReport]) -> bool:
    """Return whether any test was skipped for want of something that could be installed."""
    return any(_reason(report).startswith(_INSTALLABLE) for report in skipped)


def _reason(report: pytest.TestReport) -> str:
    _, _, reason = report.longrepr  # where, and why
    return " ".join(reason.removeprefix("Skipped: ").split())
