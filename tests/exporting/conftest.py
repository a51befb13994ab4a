"""Share what runs generators in a browser."""

from pathlib import Path

import pytest

from harness.core.errors import MissingExtraError
from harness.exporting.explorer_runtime import find_runtime
from tests.support.skips import skip_not_installed


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Return the folder of ONNX Runtime Web; skip where it cannot be had."""
    try:
        return find_runtime()
    except MissingExtraError:
        skip_not_installed("ONNX Runtime Web", "make explorer")
