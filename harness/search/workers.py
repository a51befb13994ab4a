"""Run training sessions in spawned processes that may die without harm to the study.

Many models in one process leak memory, and TensorFlow can take a process down; the brain
therefore trains nothing itself. It hands jobs to workers over pipes and answers their events. A
worker knows no Optuna.
"""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import signal
import traceback
import warnings
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, StorageError
from harness.events import Answer, Event
from harness.gan.user_functions import NO_FUNCTIONS, UserFunctions
from harness.outcome import Reason
from harness.quiet import quiet_imports
from harness.score import Protocol
from harness.training.exam import Exam
from harness.training.job import TrainingJob

_FOR_THE_BRAIN = (signal.SIGINT, signal.SIGTERM)


@dataclasses.dataclass(frozen=True)
class WorkerSetup:
    """Say what every worker loads before its first job.

    Args:
        dataset: Key of `DATASETS`, or a scheme and a path.
        data_dir: Where to look for it first; None for the usual places.
        extractor: What the metrics see through.
        metric: What a score is: key of `OBJECTIVES`.
        num_images: How many generated images a score compares.
        threads: TensorFlow threads of one worker.
        weights: File of the extractor's weights, where it does not bring its own.
        deterministic: Whether operations must repeat bit for bit.
        functions: Functions of the user's own that jobs may name.
        exam: How kept generators are scored on the test split; None for not at all.
    """

    dataset: str
    data_dir: Path | None
    extractor: str
    metric: str
    num_images: int
    threads: int
    weights: Path | None = None
    deterministic: bool = False
    functions: UserFunctions = NO_FUNCTIONS
    exam: Exam | None = None


@dataclasses.dataclass(frozen=True)
class Ready:
    """Tell that a worker has loaded everything and how it will score.

    Args:
        protocol: What its scores mean.
        notes: Warnings it met on the way, e.g. of too few images; all workers meet the same.
        test_protocol: How it will score on the test split, if it does.
    """

    protocol: Protocol
    notes: tuple[str, ...] = ()
    test_protocol: Protocol | None = None


@dataclasses.dataclass(frozen=True)
class Said:
    """Pass on what a session said; the worker waits for the answer."""

    event: Event


@dataclasses.dataclass(frozen=True)
class Left:
    """Tell that a job is over, with or without an outcome, and how much memory is in use."""

    memory_megabytes: float


@dataclasses.dataclass(frozen=True)
class Broke:
    """Tell that a session raised; the worker itself lives on."""

    reason: Reason
    detail: str


@dataclasses.dataclass(frozen=True)
class Refused:
    """Tell that the worker met an error that no other trial would escape, such as a full disk."""

    error: HarnessError


@dataclasses.dataclass(frozen=True)
class Died:
    """Tell that the process is gone: killed, out of memory or crashed below Python."""

    exit_code: int | None


Message = Ready | Said | Left | Broke | Refused | Died


class Worker:
    """Hold one worker process from the brain's side.

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
        with _signals_held_back(), _environment(environment or {}):
            self._process.start()
        theirs.close()

    def fileno(self) -> int:
        """Return what `multiprocessing.connection.wait` waits for."""
        return self._connection.fileno()

    def train(self, job: TrainingJob) -> None:
        """Hand over a job; its events come back as messages."""
        self._send(job)

    def answer(self, answer: Answer) -> None:
        """Answer the event of the last `Said`."""
        self._send(answer)

    def receive(self) -> Message:
        """Return the next message; `Died` when there will be no more."""
        try:
            message: Message = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(timeout=5)
            return Died(self._process.exitcode)
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

    def _send(self, value: TrainingJob | Answer) -> None:
        # A worker that just died says so at the next `receive`.
        with contextlib.suppress(OSError):
            self._connection.send(value)


def wait(workers: list[Worker], timeout_seconds: float) -> list[Worker]:
    """Return the workers that have something to say, waiting for the first of them."""
    waiting: list[Any] = list(workers)
    ready: list[Any] = multiprocessing.connection.wait(waiting, timeout_seconds)
    return [worker for worker in workers if worker in ready]


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Start a process that Ctrl-C and SIGTERM never reach, not even before its first own line.

    Both may go to the whole process group. A process inherits which signals are held back; its
    parent gets its own when the block ends.
    """
    # The first start of a process starts this tracker too, and that lets the signals through.
    multiprocessing.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_BRAIN)
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
    """Be a worker: load, then train one job after another until the brain closes the pipe."""
    # They reach the whole process group; stopping is the brain's decision.
    for number in _FOR_THE_BRAIN:
        signal.signal(number, signal.SIG_IGN)
    try:
        _serve_jobs(connection, setup)
    except HarnessError as error:
        connection.send(Refused(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the brain is gone, and so is the reason to be here


def _serve_jobs(connection: Connection, setup: WorkerSetup) -> None:
    with quiet_imports():
        from harness.training.runner import Runner

    with warnings.catch_warnings(record=True) as caught:
        runner = Runner(
            dataset=setup.dataset,
            data_dir=setup.data_dir,
            extractor=setup.extractor,
            weights=setup.weights,
            metric=setup.metric,
            num_images=setup.num_images,
            threads=setup.threads,
            deterministic=setup.deterministic,
            functions=setup.functions,
            exam=setup.exam,
        )
    notes = tuple(str(each.message) for each in caught if each.category is UserWarning)
    connection.send(Ready(runner.protocol, notes, runner.test_protocol))

    def emit(event: Event) -> Answer:
        connection.send(Said(event))
        answer: Answer = connection.recv()
        return answer

    while True:
        job: TrainingJob = connection.recv()
        try:
            runner.run(job, emit)
        except (EOFError, BrokenPipeError, ConnectionResetError, StorageError):
            raise
        except Exception as error:  # whatever a session raises is that trial's outcome
            connection.send(_broke(error))
        connection.send(Left(_memory_megabytes()))


def _broke(error: Exception) -> Broke:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    first_line = (str(error).strip().splitlines() or [""])[0][:300]
    # TensorFlow's class cannot be named without importing TensorFlow, a MemoryError can.
    starved = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
    reason = Reason.OUT_OF_MEMORY if starved else Reason.CRASHED
    return Broke(reason, f"{type(error).__name__} at {where}: {first_line}")


def _memory_megabytes() -> float:
    """Return the resident memory of this process; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
