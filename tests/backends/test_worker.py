"""Turn what goes wrong in a worker into messages."""

import mmap
from pathlib import Path

import pytest

from harness.backends.worker import failure_of, own_megabytes
from harness.core.errors import ScoreError
from harness.core.outcome import Reason


def caught(error: Exception) -> Exception:
    try:
        raise error
    except Exception as raised:
        return raised


def test_a_broken_training_says_what_and_where():
    broke = failure_of(caught(ScoreError("features are not finite\nmore")))
    assert broke.reason is Reason.CRASHED
    assert broke.detail.startswith("ScoreError at test_worker.py:")
    assert broke.detail.endswith(": features are not finite")


def test_what_a_library_says_is_kept_without_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_API_KEY", "planted-0e8a")
    broke = failure_of(caught(ValueError(f"planted-0e8a in {Path.home()}/own/file.py")))
    assert broke.detail.endswith(": $MY_API_KEY in ~/own/file.py")


def test_too_little_memory_is_told_apart():
    class ResourceExhaustedError(Exception):
        """Bear the name of TensorFlow's error, which is known by it alone."""

    assert failure_of(caught(MemoryError())).reason is Reason.OUT_OF_MEMORY
    assert failure_of(caught(ResourceExhaustedError("OOM"))).reason is Reason.OUT_OF_MEMORY


def test_memory_is_measured_in_mebibytes():
    size = 64 * 2**20
    # An allocator may keep what is freed; what is shared would not count.
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) as held:
        held.write(b"x" * size)
        before = own_megabytes()
    assert 40 < before - own_megabytes() < 90
