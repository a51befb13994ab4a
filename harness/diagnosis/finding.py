"""One line of a diagnosis: what was looked at, how it stands, and what to do."""

import dataclasses
from collections.abc import Callable
from enum import StrEnum

Mend = Callable[[], None] | None
"""What puts something right; None where nothing is wrong, or only a person can."""


class Level(StrEnum):
    """The grade of a finding: only `fail` changes the exit code."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclasses.dataclass(frozen=True)
class Finding:
    """The state of one thing that was looked at.

    Args:
        name: What was looked at, e.g. `memory` or `trial 0007`.
        level: How it stands.
        message: The facts in one sentence, and the remedy where one is needed.
        mend: Puts it right when called, where that can be.
    """

    name: str
    level: Level
    message: str
    mend: Mend = dataclasses.field(default=None, compare=False)

    def to_dict(self) -> dict[str, str | bool]:
        """Return a JSON-ready dictionary."""
        return {
            "name": self.name,
            "level": self.level.value,
            "message": self.message,
            "mendable": self.mend is not None,
        }


def ok(name: str, message: str) -> Finding:
    """Return a finding with nothing wrong."""
    return Finding(name, Level.OK, message)


def warn(name: str, message: str, mend: Mend = None) -> Finding:
    """Return a finding that a sweep can live with."""
    return Finding(name, Level.WARN, message, mend)


def fail(name: str, message: str, mend: Mend = None) -> Finding:
    """Return a finding that a sweep cannot live with."""
    return Finding(name, Level.FAIL, message, mend)
