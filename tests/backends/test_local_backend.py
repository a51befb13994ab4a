"""Start worker processes, lose some, and let others go on."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.backends.backend import (
    EventMessage,
    JobEnded,
    WorkerDied,
    WorkerReady,
    WorkerRefused,
    WorkerSetup,
)
from harness.backends.local_backend import LocalBackend, LocalWorker
from harness.core.errors import DataError
from harness.core.events import Answer, Progressed
from harness.gan.presets import load_preset
from harness.training.checkpoint import load_checkpoint
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder


def worker_setup(data_dir: Path) -> WorkerSetup:
    return WorkerSetup("fashion_mnist", data_dir, "fashion_cnn", "fid", 1000, threads=1)


def test_a_worker_that_cannot_load_refuses_and_ends_and_ignores_ctrl_c(tmp_path):
    worker = LocalWorker(worker_setup(tmp_path))
    os.kill(worker._process.pid, signal.SIGINT)  # even before its first own line
    assert LocalBackend(worker_setup(tmp_path), workers=1).wait([worker], 60) == [worker]
    message = worker.receive()
    assert isinstance(message, WorkerRefused)
    assert isinstance(message.error, DataError)
    assert str(tmp_path) in str(message.error)
    assert worker.receive() == WorkerDied(0)
    worker.stop()


def test_a_worker_that_never_becomes_ready_says_why_itself(tmp_path, monkeypatch):
    # As for a script on standard input: the process ends before its first line of ours.
    monkeypatch.setattr(
        sys.modules["__main__"], "__file__", str(tmp_path / "<stdin>"), raising=False
    )
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    worker, backend = (
        LocalWorker(worker_setup(tmp_path)),
        LocalBackend(worker_setup(tmp_path), workers=1),
    )
    while not backend.wait([worker], 60):
        pass
    died = worker.receive()
    worker.stop()
    assert isinstance(died, WorkerDied)
    message = backend.never_ready(died)
    assert "exit code 1 before it was ready. It wrote last:" in message
    assert "FileNotFoundError: [Errno 2] No such file or directory" in message
    assert "<stdin>" in message


def test_a_killed_worker_is_told_as_died(tmp_path):
    worker = LocalWorker(worker_setup(tmp_path))
    worker._process.kill()
    assert LocalBackend(worker_setup(tmp_path), workers=1).wait([worker], 60) == [worker]
    assert worker.receive() == WorkerDied(-signal.SIGKILL)
    worker.stop()


def test_a_worker_gets_variables_that_this_process_does_not_keep(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    leased = {"CUDA_VISIBLE_DEVICES": "1", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    worker = LocalWorker(worker_setup(tmp_path), leased)
    # Empty for the moment in which the process changes its program.
    while not (inherited := Path(f"/proc/{worker._process.pid}/environ").read_bytes()):
        time.sleep(0.01)
    expected = {f"{name}={value}".encode() for name, value in leased.items()}
    assert expected <= set(inherited.split(b"\0"))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in os.environ
    worker.stop(at_once=True)


def hear_until(worker: LocalWorker, kind: type, number: int) -> list[object]:
    """Answer a worker until it has said so many of a kind, or left; return what it said."""
    said: list[object] = []
    while not isinstance(message := worker.receive(), JobEnded):
        if isinstance(message, EventMessage):
            said.append(message.event)
            if sum(isinstance(event, kind) for event in said) == number:
                return said
            worker.answer(Answer.GO_ON)
        else:
            assert isinstance(message, WorkerReady), message
    return said


@pytest.mark.slow
def test_killed_and_replayed_by_another_process_the_weights_are_the_same_bits(tmp_path: Path):
    setup = WorkerSetup(
        "fashion_mnist", None, "fashion_cnn", "fid", 1000, threads=1, deterministic=True
    )
    whole, cut = (
        TrainingJob(
            config=load_preset("mlp_cgan"),
            folder=TrainingFolder(tmp_path / name),
            rungs_kimg=(2.0, 6.0),
            seed=3,
            name="0000",
            checkpoint_seconds=0.0,
            deterministic=True,
        )
        for name in ("whole", "cut")
    )
    first, second = LocalWorker(setup), LocalWorker(setup)
    first.train(cut)
    hear_until(first, Progressed, 2)
    first._process.kill()
    second.train(cut)
    (started, *_, finished) = hear_until(second, Progressed, 99)
    second.train(whole)
    (*_, expected) = hear_until(second, Progressed, 99)
    for worker in (first, second):
        worker.stop()
    assert started.kimg > 0
    assert finished.outcome.final == expected.outcome.final
    state, meta = load_checkpoint(cut.folder.checkpoint_file)
    expected_state, _ = load_checkpoint(whole.folder.checkpoint_file)
    assert meta["kimg"] >= 6.0
    assert {name: value.tobytes() for name, value in state.items()} == {
        name: value.tobytes() for name, value in expected_state.items()
    }
