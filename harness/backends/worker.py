"""Be a worker, whatever carries its messages: load, then train one job after another."""

import gc
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.backends.backend import (
    EventMessage,
    JobEnded,
    JobFailed,
    Message,
    WorkerReady,
    WorkerRefused,
    WorkerSetup,
)
from harness.core.errors import HarnessError, StorageError, first_line
from harness.core.events import Answer, Event
from harness.core.outcome import Reason
from harness.core.process import read_keras_file, settle_output
from harness.training.job import TrainingJob

RUNNER_IS_GONE = (EOFError, BrokenPipeError, ConnectionResetError)
"""What sending and receiving raise where the other end is gone."""


def serve(
    setup: WorkerSetup, *, send: Callable[[Message], None], receive: Callable[[], Any]
) -> None:
    """Train jobs until the runner is gone.

    Args:
        setup: What to load.
        send: Carries a message to the runner.
        receive: Waits for what the runner sends: a job, or the answer to the last event.
    """
    settle_output()
    try:
        _serve_jobs(setup, send, receive)
    except HarnessError as error:
        send(WorkerRefused(error))
    except RUNNER_IS_GONE:
        pass  # and so is the reason to be here


def _serve_jobs(
    setup: WorkerSetup, send: Callable[[Message], None], receive: Callable[[], Any]
) -> None:
    read_keras_file()
    from harness.training.context import prepare_context
    from harness.training.loop import run_job

    with warnings.catch_warnings(record=True) as caught:
        context = prepare_context(setup)
    # What is loaded stays: without this, a second of each trial would be spent looking at it.
    gc.collect()
    gc.freeze()
    notes = tuple(str(each.message) for each in caught if each.category is UserWarning)
    test = context.test_evaluator
    test_protocol, names = test.protocol if test else None, context.dataset.class_names
    send(WorkerReady(context.evaluator.protocol, notes, test_protocol, names))

    def emit(event: Event) -> Answer:
        send(EventMessage(event))
        answer: Answer = receive()
        return answer

    while True:
        job: TrainingJob = receive()
        try:
            run_job(job, context, emit)
        except (*RUNNER_IS_GONE, StorageError):
            raise
        except Exception as error:  # whatever a training raises is that trial's outcome
            send(failure_of(error))
        send(JobEnded(own_megabytes()))


def failure_of(error: Exception) -> JobFailed:
    """Return the message about what ended a training: what was raised, where, and why."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    # TensorFlow's class cannot be named without importing TensorFlow, a MemoryError can.
    starved = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
    reason = Reason.OUT_OF_MEMORY if starved else Reason.CRASHED
    return JobFailed(reason, f"{type(error).__name__} at {where}: {first_line(error)}")


def own_megabytes() -> float:
    """Return the resident memory of this process alone; 0 where the system does not show it.

    What it maps of memory that others have as well, such as Ray's one copy of the images, no new
    worker would be without.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        kilobytes = [int(sizes[name].split()[0]) for name in ("VmRSS", "RssShmem")]
    except (OSError, KeyError, IndexError, ValueError):
        return 0.0
    return (kilobytes[0] - kilobytes[1]) / 1024
