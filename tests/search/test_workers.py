"""Start workers, and turn what goes wrong in them into messages."""

import os
import signal
from pathlib import Path

from harness.errors import DataError, ScoreError
from harness.outcome import Reason
from harness.search.workers import (
    Died,
    Refused,
    Worker,
    WorkerSetup,
    _broke,
    _memory_megabytes,
    wait,
)


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


def test_a_worker_gets_variables_that_this_process_does_not_keep(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    setup = WorkerSetup("fashion_mnist", tmp_path, "fashion_cnn", 1000, threads=1)
    leased = {"CUDA_VISIBLE_DEVICES": "1", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    worker = Worker(setup, leased)
    inherited = Path(f"/proc/{worker._process.pid}/environ").read_bytes().decode().split("\0")
    assert {f"{name}={value}" for name, value in leased.items()} <= set(inherited)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in os.environ
    worker.stop(at_once=True)
