"""Measure durations, and read and write them the way people do on a command line."""

import re
import sys
import time

from harness.core.errors import ConfigError

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


_CLOCK = getattr(time, "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME", None)
"""The clock that goes on while the machine sleeps; that of Linux has a name of its own."""


def elapsed_seconds() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps.

    For what a person waits for: a time budget, how old a page is. `time.monotonic` stands still
    then, which is right for what a training took and may take: a night in a closed notebook is an
    interruption of it. What something costs is told by `time.process_time`.
    """
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


def parse_duration(text: str | None, option: str) -> float | None:
    """Return seconds: `90` and `90s` are 90, `20m` is 1200, `1.5h` 5400, `2d` 172800.

    Args:
        text: What was written; None where the option was not given.
        option: Its name, for the message.

    Raises:
        ConfigError: If it is no duration, zero, or more digits than a number can have.
    """
    if text is None:
        return None
    found = _FORM.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(
            f"{option}: expected a duration such as 90s, 20m or 1.5h; received {text!r}."
        )
    return seconds


def format_seconds(seconds: float) -> str:
    """Return e.g. `42 s`, `3 min` or `2 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest:02d} min"


def format_kimg(kimg: float) -> str:
    """Return e.g. `5`, `12.5` or `0.064`, without what the last batch was more than asked for."""
    text = f"{kimg:.1f}" if kimg >= 1 else f"{kimg:.3g}"
    return text.removesuffix(".0")
