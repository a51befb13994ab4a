"""Skip for real, in a run of pytest's own."""

import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest
from tests.support.skips import skip_not_installed

@pytest.mark.parametrize("number", [1, 2])
def test_needs_it(number):
    skip_not_installed("Chromium", "make chromium")

@pytest.mark.skipif(True, reason="this machine has a GPU")
def test_other(): ...

def test_passes(): ...
"""


@pytest.mark.parametrize(
    ("options", "code"),
    [((), 0), (("--no-installable-skips",), 1), (("--no-installable-skips", "-k", "other"), 0)],
)
@pytest.mark.parametrize("spread", [("-p", "no:xdist"), ("-n", "1")])
def test_a_skip_that_could_be_mended_fails_a_run_that_asks(
    options: tuple[str, ...], code: int, spread: tuple[str, ...], tmp_path: Path
):
    file = tmp_path / "test_skipping.py"
    file.write_text(SKIPPING)
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", str(settings)]
    result = subprocess.run(
        [*command, *spread, *options, str(file)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert "1 skipped: this machine has a GPU" in result.stdout
    found = "2 skipped: not installed: Chromium (make chromium)" in result.stdout
    assert found == ("-k" not in options)
