"""Divide cores, and turn what goes wrong in a worker into messages."""

import os
import signal

import pytest

from harness.errors import ConfigError, DataError, ScoreError
from harness.outcome import Reason
from harness.search.workers import (
    Died,
    Refused,
    Worker,
    WorkerSetup,
    _broke,
    _memory_megabytes,
    divide_cores,
    wait,
)


@pytest.mark.parametrize(
    ("workers", "cores", "expected"),
    [
        ("auto", 2, (2, 1)),
        ("auto", 1, (1, 1)),
        ("1", 8, (1, 8)),
        ("3", 8, (3, 2)),
        ("9", 2, (9, 1)),
    ],
)
def test_cores_are_divided_among_workers(workers: str, cores: int, expected: tuple[int, int]):
    assert divide_cores(workers, cores) == expected


@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5", "", "AUTO"])
def test_a_number_of_workers_that_is_none_is_refused(workers: str):
    with pytest.raises(ConfigError, match="--workers: expected a number from 1, or auto"):
        divide_cores(workers, 2)


def caught(error: Exception) -> Exception:
    try:
        raise error
    except Exception as raised:
        return raised


def test_a_broken_training_says_what_and_where():
    broke = _broke(caught(ScoreError("features are not finite\nmore")))
    assert broke.reason is Reason.CRASHED
    assert broke.detail.startswith("ScoreError at test_workers.py:")
    assert broke.detail.endswith(": features are not finite")


def test_too_little_memory_is_told_apart():
    class ResourceExhaustedError(Exception):
        """Bear the name of TensorFlow's error, which is known by it alone."""

    assert _broke(caught(MemoryError())).reason is Reason.OUT_OF_MEMORY
    assert _broke(caught(ResourceExhaustedError("OOM"))).reason is Reason.OUT_OF_MEMORY


def test_memory_is_measured_in_mebibytes():
    held = bytearray(b"x") * (64 * 2**20)
    before = _memory_megabytes()
    del held
    assert 40 < before - _memory_megabytes() < 90


def test_a_worker_that_cannot_load_refuses_and_ends_and_ignores_ctrl_c(tmp_path):
    setup = WorkerSetup("fashion_mnist", tmp_path, "fashion_cnn", 1000, threads=1)
    worker = Worker(setup)
    os.kill(worker._process.pid, signal.SIGINT)  # even before its first own line
    assert wait([worker], 60) == [worker]
    message = worker.receive()
    assert isinstance(message, Refused)
    assert isinstance(message.error, DataError)
    assert str(tmp_path) in str(message.error)
    assert worker.receive() == Died(0)
    worker.stop()


def test_a_killed_worker_is_told_as_died(tmp_path):
    worker = Worker(WorkerSetup("fashion_mnist", tmp_path, "fashion_cnn", 1000, threads=1))
    worker._process.kill()
    assert wait([worker], 60) == [worker]
    assert worker.receive() == Died(-signal.SIGKILL)
    worker.stop()
