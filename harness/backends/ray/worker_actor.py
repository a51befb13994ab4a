"""A worker inside a Ray actor: the runner talks to it by the actor's methods."""

import dataclasses
import queue
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import ray

from harness.backends.backend import EventMessage, JobEnded, Message, WorkerRefused, WorkerSetup
from harness.backends.ray.file_transfer import (
    FileSet,
    FolderDiff,
    SharedInputs,
    unpack,
    unpack_inputs,
)
from harness.backends.worker import serve
from harness.core.errors import ConfigError
from harness.core.events import Answer, Progressed, RungScored
from harness.core.locks import is_locked, lock_folder
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

BYTES_PER_SECOND = 50e6
"""So much all workers of a sweep send between their rungs, on the average."""

_PREFIX = "harness-worker-"


@dataclasses.dataclass(frozen=True)
class JobMessage:
    """A job on its way to a worker.

    Args:
        job: What to train; its folder's path is absolute.
        mark: A file that the runner has just written there: a worker that sees it sees the folder.
            None for one that is not to look.
        file_set: What the folder holds, for a worker that does not see it; None if it must.
    """

    job: TrainingJob
    mark: Path | None
    file_set: FileSet | None


@dataclasses.dataclass(frozen=True)
class WorkerMessage:
    """A message on its way to the runner.

    Args:
        message: What the worker sends.
        file_set: What has changed in its scratch folder; None where it writes into the study.
    """

    message: Message
    file_set: FileSet | None


class WorkerActor:
    """A worker that trains in a thread of its own, so that the actor always answers.

    Args:
        setup: What to load.
        shared_inputs: The part of it that was sent.
        workers: How many share what may be sent.
    """

    def __init__(self, setup: WorkerSetup, shared_inputs: SharedInputs, workers: int) -> None:
        self._outbox: queue.SimpleQueue[WorkerMessage | BaseException] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[JobMessage | Answer] = queue.SimpleQueue()
        self._files = WorkerFiles(BYTES_PER_SECOND / workers)
        threading.Thread(target=self._work, args=(setup, shared_inputs), daemon=True).start()

    def node_id(self) -> str:
        """Return the id of the node that it is on."""
        return str(ray.get_runtime_context().get_node_id())

    def next_message(self) -> WorkerMessage:
        """Return the next message to the runner, waiting for it."""
        message = self._outbox.get()
        if isinstance(message, BaseException):
            raise message
        return message

    def receive(self, value: JobMessage | Answer) -> None:
        """Take what the runner sends."""
        self._inbox.put(value)

    def close(self) -> None:
        """Remove what this worker left on its node; it is about to end."""
        self._files.close()

    def _work(self, setup: WorkerSetup, shared_inputs: SharedInputs) -> None:
        try:
            setup = unpack_inputs(shared_inputs, setup, self._files.folder)
            serve(setup, send=self._send, receive=self._next)
        except BaseException as error:  # the end of this thread must end the worker
            self._outbox.put(error)

    def _send(self, message: Message) -> None:
        self._outbox.put(self._files.add_changes(message))

    def _next(self) -> Any:
        value = self._inbox.get()
        return self._files.place(value) if isinstance(value, JobMessage) else value


class WorkerFiles:
    """A worker's scratch folder on its node.

    Args:
        bytes_per_second: What may be sent between rungs, on the average.
    """

    def __init__(self, bytes_per_second: float) -> None:
        _remove_abandoned()
        new = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
        self._lock = lock_folder(new, "another worker has this folder.")
        # Whatever has the name of a worker's folder was locked before: no clock is asked.
        self.folder = new.rename(new.with_name(new.name[1:]))
        self._bytes_per_second = bytes_per_second
        self._may_send_at = 0.0
        self._scratch = self.folder / "training"
        self._diff: FolderDiff | None = None
        self._is_due = False

    def place(self, job_message: JobMessage) -> TrainingJob:
        """Return a job whose folder is one that this node has.

        Raises:
            ConfigError: If the study's folder must be seen from here, and is not.
            StorageError: If the files cannot be written.
        """
        self._forget()
        job = job_message.job
        if job_message.mark is not None and job_message.mark.exists():
            return job
        if job_message.file_set is None:
            raise ConfigError(
                f"--files shared: a node of the cluster does not see {job.folder.path}. Choose a "
                f"--studies-dir that all nodes see, or --files travel."
            )
        self._scratch.mkdir(parents=True)
        folder = TrainingFolder(self._scratch)
        unpack(job_message.file_set, folder)
        self._diff = FolderDiff(folder)
        return dataclasses.replace(job, folder=folder)

    def add_changes(self, message: Message) -> WorkerMessage:
        """Return a message with the files that go along.

        What a training saved between rungs waits until the rate allows it; what it saved at a
        rung, a pause or its end does not.

        Raises:
            StorageError: If a file cannot be read or is too large.
        """
        if self._diff is None or isinstance(message, WorkerRefused):
            return WorkerMessage(message, None)
        event = message.event if isinstance(message, EventMessage) else None
        now = time.monotonic()
        may_wait = isinstance(event, Progressed) and not self._is_due
        if may_wait and now < self._may_send_at:
            return WorkerMessage(message, None)
        file_set = self._diff.changes()
        self._may_send_at = max(self._may_send_at, now) + file_set.bytes / self._bytes_per_second
        # A rung's own checkpoint is written after the event of its score.
        self._is_due = isinstance(event, RungScored)
        if isinstance(message, JobEnded):
            self._forget()
        return WorkerMessage(message, file_set)

    def close(self) -> None:
        """Remove everything."""
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._diff, self._is_due = None, False


def _remove_abandoned() -> None:
    """Remove the folders of workers on this node that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not is_locked(folder):
            shutil.rmtree(folder, ignore_errors=True)
