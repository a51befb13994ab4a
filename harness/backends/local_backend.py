"""Workers in spawned processes of this machine, which may die without harm to the study.

Many models in one process leak memory, and TensorFlow can take a process down; the runner
therefore trains nothing itself. It hands jobs to workers over pipes and answers their events. A
worker knows no Optuna.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from harness.backends.backend import Message, Worker, WorkerDied, WorkerSetup
from harness.backends.devices import gpu_environment
from harness.backends.worker import serve
from harness.core.errors import without_secrets
from harness.core.events import Answer
from harness.core.process import stderr_into
from harness.training.job import TrainingJob

_LAST_LINES, _LAST_BYTES = 6, 2000
_FOR_THE_RUNNER = (signal.SIGINT, signal.SIGTERM)


class LocalBackend:
    """A backend whose workers are processes of this machine.

    Args:
        setup: What each loads.
        workers: How many there will be.
        gpus: What they get in turn; none to train on cores.
    """

    def __init__(self, setup: WorkerSetup, *, workers: int, gpus: tuple[str, ...] = ()) -> None:
        self._setup = setup
        self._workers = workers
        self._gpus = gpus

    def start_worker(self, slot: int) -> Worker:
        """Start the worker of a slot; one that replaces another gets its GPU too."""
        return LocalWorker(
            self._setup, gpu_environment(slot, workers=self._workers, gpus=self._gpus)
        )

    def wait(self, workers: Sequence[Worker], timeout_seconds: float) -> Sequence[Worker]:
        """Return the workers that have sent something, waiting for the first of them."""
        waiting: list[Any] = list(workers)
        ready: list[Any] = multiprocessing.connection.wait(waiting, timeout_seconds)
        return [worker for worker in workers if worker in ready]

    def never_ready(self, died: WorkerDied) -> str:
        """Return what to tell a user whose workers end before they are ready."""
        ended = f"A worker process ended with exit code {died.exit_code} before it was ready."
        if died.last_words:
            return f"{ended} It wrote last:\n{died.last_words}"
        return f"{ended} It wrote nothing: look at the free memory, and at what may end processes."

    def close(self) -> None:
        """Give back nothing: processes are all that this backend takes."""


class LocalWorker:
    """A worker process from the runner's side.

    Args:
        setup: What it loads.
        environment: Variables that it gets beside this process's, e.g. its GPU.
    """

    def __init__(self, setup: WorkerSetup, environment: Mapping[str, str] | None = None) -> None:
        # Set here because a spawned process may import TensorFlow and NumPy before its first own
        # line. OpenBLAS's threads wait for each other where all cores are busy: a covariance of
        # 10,000 features took 0.21 s with two threads a worker and 0.015 s with one.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if setup.threads:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", str(setup.threads))
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, setup), name="harness-worker", daemon=True
        )
        # What ends it says why there, maybe before its first line of ours.
        self._stderr, name = tempfile.mkstemp()
        Path(name).unlink()
        with (
            signals_held_back(),
            _environment(environment or {}),
            stderr_into(self._stderr),
        ):
            self._process.start()
        theirs.close()

    def fileno(self) -> int:
        """Return what `multiprocessing.connection.wait` waits for."""
        return self._connection.fileno()

    def train(self, job: TrainingJob) -> None:
        """Hand over a job; its events come back as messages."""
        self._send(job)

    def answer(self, answer: Answer) -> None:
        """Answer the event of the last `EventMessage`."""
        self._send(answer)

    def receive(self) -> Message:
        """Return the next message; `WorkerDied` when there will be no more."""
        try:
            message: Message = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(timeout=5)
            return WorkerDied(self._process.exitcode, last_words=self._last_words())
        return message

    def stop(self, *, at_once: bool = False) -> None:
        """End the process: after its current job, or at once."""
        self._connection.close()
        if at_once:
            self._process.kill()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        os.close(self._stderr)

    def _last_words(self) -> str:
        size = os.fstat(self._stderr).st_size
        text = os.pread(self._stderr, _LAST_BYTES, max(0, size - _LAST_BYTES))
        lines = text.decode(errors="replace").split("\n")
        last = [f"  {line}" for line in lines if line.strip()][-_LAST_LINES:]
        return without_secrets("\n".join(last))

    def _send(self, value: TrainingJob | Answer) -> None:
        # That a worker just died shows at the next `receive`.
        with contextlib.suppress(OSError):
            self._connection.send(value)


@contextlib.contextmanager
def signals_held_back() -> Iterator[None]:
    """Start a process that Ctrl-C and SIGTERM never reach, not even before its first own line.

    Both may go to the whole process group. A process inherits which signals are held back; its
    parent gets its own when the block ends.
    """
    # The first start of a process starts this tracker too, and that lets the signals through.
    multiprocessing.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_RUNNER)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a process that is started meanwhile: spawned ones inherit them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, setup: WorkerSetup) -> None:
    """Be a worker process until the runner closes the pipe."""
    # They reach the whole process group; stopping is the runner's decision.
    for number in _FOR_THE_RUNNER:
        signal.signal(number, signal.SIG_IGN)
    serve(setup, send=connection.send, receive=connection.recv)
