"""Be a worker inside a Ray actor: the runner listens and speaks by the actor's methods."""

import contextlib
import dataclasses
import queue
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from harness.backends.backend import EventMessage, JobEnded, Message, WorkerRefused, WorkerSetup
from harness.backends.ray.file_transfer import (
    BYTES_PER_SECOND,
    FileSet,
    FolderDiff,
    JobMessage,
    RateLimiter,
    SharedInputs,
    WorkerMessage,
    unpack,
    unpack_inputs,
)
from harness.backends.worker import serve
from harness.core.errors import ConfigError, StudyError
from harness.core.events import Answer, Progressed, RungScored
from harness.core.locks import is_locked, lock_folder
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

_PREFIX = "harness-worker-"
_OLD_SECONDS = 60


class WorkerActor:
    """Train in a thread of its own, so that the actor can always be spoken to.

    Args:
        setup: What to load.
        shared_inputs: The part of it that travels.
        workers: How many share what may be sent.
    """

    def __init__(self, setup: WorkerSetup, shared_inputs: SharedInputs, workers: int) -> None:
        self._worker_messages: queue.SimpleQueue[WorkerMessage | BaseException] = (
            queue.SimpleQueue()
        )
        self._heard: queue.SimpleQueue[JobMessage | Answer] = queue.SimpleQueue()
        self._worker_files = WorkerFiles(BYTES_PER_SECOND / workers)
        threading.Thread(target=self._work, args=(setup, shared_inputs), daemon=True).start()

    def listen(self) -> WorkerMessage:
        """Return the next letter to the runner, waiting for it."""
        worker_message = self._worker_messages.get()
        if isinstance(worker_message, BaseException):
            raise worker_message
        return worker_message

    def hear(self, value: JobMessage | Answer) -> None:
        """Take in what the runner says."""
        self._heard.put(value)

    def tidy(self) -> None:
        """Remove what this worker left on its node; it is about to end."""
        self._worker_files.close()

    def _work(self, setup: WorkerSetup, shared_inputs: SharedInputs) -> None:
        try:
            setup = unpack_inputs(shared_inputs, setup, self._worker_files.folder)
            serve(setup, send=self._send, receive=self._receive)
        except BaseException as error:  # a thread's death must end the worker
            self._worker_messages.put(error)

    def _send(self, message: Message) -> None:
        self._worker_messages.put(self._worker_files.worker_message(message))

    def _receive(self) -> Any:
        value = self._heard.get()
        return self._worker_files.take(value) if isinstance(value, JobMessage) else value


class WorkerFiles:
    """Find a place for a job's files on this node, and send what changes there.

    Args:
        bytes_per_second: What may be sent between rungs, on the average.
    """

    def __init__(self, bytes_per_second: float) -> None:
        _remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = lock_folder(self.folder, "another worker has this folder.")
        self._rate_limiter = RateLimiter(bytes_per_second)
        self._scratch: TrainingFolder | None = None
        self._watch: FolderDiff | None = None
        self._is_due = False

    def take(self, job_message: JobMessage) -> TrainingJob:
        """Return a job whose folder is one that this node has.

        Raises:
            ConfigError: If the study's folder must be seen from here, and is not.
            StorageError: If the files cannot be written.
        """
        self._forget()
        if job_message.mark is not None and job_message.mark.exists():
            return job_message.job
        if job_message.file_set is None:
            raise ConfigError(
                f"--files shared: a node of the cluster does not see "
                f"{job_message.job.folder.path}. "
                f"Choose a --studies-dir that all nodes see, or --files travel."
            )
        self._scratch = TrainingFolder(self.folder / "training")
        self._scratch.path.mkdir(parents=True)
        unpack(job_message.file_set, self._scratch)
        self._watch = FolderDiff(self._scratch)
        return dataclasses.replace(job_message.job, folder=self._scratch)

    def worker_message(self, message: Message) -> WorkerMessage:
        """Return a message with the files that go along.

        What a session saved between rungs waits for the allowance; what it saved at a rung, a
        pause or its end does not.

        Raises:
            StorageError: If a file cannot be read or is too large.
        """
        if self._watch is None or isinstance(message, WorkerRefused):
            return WorkerMessage(message, None)
        event = message.event if isinstance(message, EventMessage) else None
        may_wait = isinstance(event, Progressed) and not self._is_due
        if may_wait and not self._rate_limiter.permits():
            return WorkerMessage(message, None)
        file_set: FileSet = self._watch.changes()
        self._rate_limiter.note(file_set.bytes)
        # A rung's own checkpoint is written after the rung was told of.
        self._is_due = isinstance(event, RungScored)
        if isinstance(message, JobEnded):
            self._forget()
        return WorkerMessage(message, file_set)

    def close(self) -> None:
        """Remove everything."""
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget(self) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch.path, ignore_errors=True)
        self._scratch = self._watch = None
        self._is_due = False


def _remove_abandoned() -> None:
    """Remove the folders of workers on this node that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, StudyError):
            old = time.time() - folder.stat().st_mtime > _OLD_SECONDS  # or not yet locked
            if old and not is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)
