"""Read durations from command lines, and measure them."""

import sys
from pathlib import Path

import pytest

from harness.core.durations import elapsed_seconds, format_kimg, parse_duration
from harness.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("20m", 1200), ("1.5h", 5400), ("2d", 172800), (" 3 m ", 180)],
)
def test_durations_are_seconds(text: str, seconds: float):
    assert parse_duration(text, "--x") == seconds


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name their clocks otherwise")
def test_the_clock_goes_on_while_the_machine_sleeps():
    since_boot = float(Path("/proc/uptime").read_text().split()[0])  # sleep included
    assert elapsed_seconds() == pytest.approx(since_boot, abs=0.5)


def test_an_option_that_is_not_given_is_none():
    assert parse_duration(None, "--x") is None


@pytest.mark.parametrize(
    "text", ["", "0", "0m", "-5m", "m", "5 minutes", "1h30m", "nan", "1e3", "9" * 400]
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(ConfigError, match=r"--x: expected a duration such as 90s, 20m"):
        parse_duration(text, "--x")


@pytest.mark.parametrize(
    ("kimg", "text"),
    [(5.008, "5"), (125.008, "125"), (8.2, "8.2"), (0.064, "0.064"), (4096.0, "4096")],
)
def test_kimg_leave_out_what_the_last_batch_was_too_much(kimg: float, text: str):
    assert format_kimg(kimg) == text
