"""Lose workers before they are ready: processes that really end, in the place of real sessions."""

import itertools
import multiprocessing.connection
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from harness.backends.backend import Message, WorkerDied, WorkerReady
from harness.core.errors import HarnessError
from harness.runner import worker_pool
from harness.runner.job_source import NullListener
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import RunOptions
from tests.runner.test_study_jobs import PROTOCOL

SCRIPTS = {"loads": "echo; exec cat", "fails": "exit 7", "is lost": "exit 7"}


class ProcessWorker:
    """Hold a process that loads nothing.

    Args:
        fate: Key of SCRIPTS.
    """

    def __init__(self, fate: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(["sh", "-c", SCRIPTS[fate]], **pipes)
        self._lost = fate == "is lost"

    def fileno(self) -> int:
        return self._process.stdout.fileno()

    def receive(self) -> Message:
        if self._process.stdout.readline():
            return WorkerReady(PROTOCOL)
        code = self._process.wait()
        self.stop()
        return WorkerDied(code, lost=self._lost)

    def stop(self, *, at_once: bool = False) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


class ProcessEngine:
    """Start processes that fail, are lost or load, in a given order; the last goes on for ever.

    Args:
        fates: Keys of SCRIPTS.
    """

    def __init__(self, *fates: str) -> None:
        self.fates = list(fates)
        self.started: list[float] = []

    def start_worker(self, slot: int) -> ProcessWorker:
        fate = self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]
        self.started.append(time.monotonic())
        return ProcessWorker(fate)

    def wait(self, workers: Sequence[Any], timeout_seconds: float) -> Sequence[Any]:
        ready = multiprocessing.connection.wait(workers, timeout_seconds)
        return [worker for worker in workers if worker in ready]

    def never_ready(self, died: WorkerDied) -> str:
        return f"never ready: {died.exit_code}."

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "_PAUSE_SECONDS", 0.05)


class NoJobs:
    """A source without jobs, for a runner that only keeps its workers.

    Args:
        workers: How many it keeps.
        enough: Whether they have been kept for long enough.
    """

    setup = None

    def __init__(self, workers: int, enough: Callable[[], bool]) -> None:
        self.options = RunOptions("s", workers=workers)
        self.size = workers
        self._enough = enough

    def open(self, ready: WorkerReady) -> int:
        self.ready = ready
        return 0

    def has_unfinished(self) -> bool:
        return not self._enough()

    def next(self) -> None:
        return None

    def overtaken(self) -> tuple[()]:
        return ()

    def stop(self) -> None:
        return None

    def close(self) -> None:
        pass


def keep(
    backend: ProcessEngine, workers: int = 1, enough: Callable[[], bool] = lambda: True
) -> WorkerReady:
    """Return what the first worker that is ready sends."""
    source = NoJobs(workers, enough)
    assert StudyRunner(source, backend=backend).run(NullListener()) is None
    return source.ready


def test_workers_that_are_lost_before_any_was_ready_are_replaced_until_one_is():
    backend = ProcessEngine(*["is lost"] * 5, "loads")
    assert keep(backend) == WorkerReady(PROTOCOL)
    pauses = [later - sooner for sooner, later in itertools.pairwise(backend.started)]
    assert len(pauses) == 5
    assert pauses[-1] > 0.5  # 0.05 doubled four times is 0.8


def test_one_that_fails_does_not_end_what_others_can_do():
    backend = ProcessEngine("fails", "is lost", "fails", "loads")
    assert keep(backend) == WorkerReady(PROTOCOL)


def test_three_that_fail_one_after_the_other_do():
    backend = ProcessEngine("fails")
    with pytest.raises(HarnessError, match=r"^never ready: 7\.$"):
        keep(backend)
    assert len(backend.started) == 3


def test_once_one_was_ready_the_others_are_tried_for_ever_and_there_is_one_warning():
    backend = ProcessEngine("loads", "fails")
    with pytest.warns(UserWarning, match=r"never ready: 7\. Others go on") as warned:
        keep(backend, 3, lambda: len(backend.started) >= 9)
    assert len(warned) == 1
