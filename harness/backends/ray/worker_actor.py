"""Be a worker inside a Ray actor: the brain listens and speaks by the actor's methods."""

import contextlib
import dataclasses
import queue
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from harness.backends.messages import Left, Message, Refused, Said, WorkerSetup
from harness.backends.ray.file_set import Parcel
from harness.backends.ray.file_transfer import (
    BYTES_PER_SECOND,
    Allowance,
    Errand,
    Letter,
    Luggage,
    Watch,
    unpack,
    unpack_luggage,
)
from harness.backends.worker import serve
from harness.core.errors import ConfigError, StudyError
from harness.core.events import Answer, Progressed, RungScored
from harness.core.locks import is_locked, lock_folder
from harness.search.object_store.depot import Depot
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

_PREFIX = "harness-worker-"
_OLD_SECONDS = 60


class Hand:
    """Train in a thread of its own, so that the actor can always be spoken to.

    Args:
        setup: What to load.
        luggage: The part of it that travels.
        workers: How many share what may be sent.
    """

    def __init__(self, setup: WorkerSetup, luggage: Luggage, workers: int) -> None:
        self._letters: queue.SimpleQueue[Letter | BaseException] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[Errand | Answer] = queue.SimpleQueue()
        self._desk = Desk(BYTES_PER_SECOND / workers)
        threading.Thread(target=self._work, args=(setup, luggage), daemon=True).start()

    def listen(self) -> Letter:
        """Return the next letter to the brain, waiting for it."""
        letter = self._letters.get()
        if isinstance(letter, BaseException):
            raise letter
        return letter

    def hear(self, value: Errand | Answer) -> None:
        """Take in what the brain says."""
        self._heard.put(value)

    def reaches(self, depot: Depot) -> bool:
        """Return whether this node may use the object store that the study lies in."""
        return depot.is_open()

    def tidy(self) -> None:
        """Remove what this worker left on its node; it is about to end."""
        self._desk.close()

    def _work(self, setup: WorkerSetup, luggage: Luggage) -> None:
        try:
            setup = unpack_luggage(luggage, setup, self._desk.folder)
            serve(setup, send=self._send, receive=self._receive)
        except BaseException as error:  # a thread's death must end the worker
            self._letters.put(error)

    def _send(self, message: Message) -> None:
        self._letters.put(self._desk.letter(message))

    def _receive(self) -> Any:
        value = self._heard.get()
        return self._desk.take(value) if isinstance(value, Errand) else value


class Desk:
    """Find a place for a job's files on this node, and send what changes there.

    Args:
        bytes_per_second: What may be sent between rungs, on the average.
    """

    def __init__(self, bytes_per_second: float) -> None:
        _remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = lock_folder(self.folder, "another worker has this folder.")
        self._allowance = Allowance(bytes_per_second)
        self._scratch: TrainingFolder | None = None
        self._watch: Watch | None = None
        self._depot: Depot | None = None
        self._is_due = False

    def take(self, errand: Errand) -> TrainingJob:
        """Return a job whose folder is one that this node has.

        Raises:
            ConfigError: If the study's folder must be seen from here, and is not.
            StorageError: If the files cannot be written.
        """
        self._forget()
        if errand.mark is not None and errand.mark.exists():
            return errand.job
        if errand.parcel is None:
            raise ConfigError(
                f"--files shared: a node of the cluster does not see {errand.job.folder.path}. "
                f"Choose a --studies-dir that all nodes see, or --files travel."
            )
        self._scratch = TrainingFolder(self.folder / "training")
        self._scratch.path.mkdir(parents=True)
        self._depot = errand.depot
        parcel = errand.parcel
        unpack(parcel if self._depot is None else self._depot.collect(parcel), self._scratch)
        self._watch = Watch(self._scratch)
        return dataclasses.replace(errand.job, folder=self._scratch)

    def letter(self, message: Message) -> Letter:
        """Return a message with the files that go along.

        What a session saved between rungs waits for the allowance; what it saved at a rung, a
        pause or its end does not.

        Raises:
            StorageError: If a file cannot be read or is too large.
        """
        if self._watch is None or isinstance(message, Refused):
            return Letter(message, None)
        event = message.event if isinstance(message, Said) else None
        may_wait = isinstance(event, Progressed) and not self._is_due
        if may_wait and not self._allowance.permits():
            return Letter(message, None)
        parcel: Parcel = self._watch.changes()
        self._allowance.note(parcel.bytes)
        if self._depot is not None:
            parcel = self._depot.leave(parcel)
        # A rung's own checkpoint is written after the rung was told of.
        self._is_due = isinstance(event, RungScored)
        if isinstance(message, Left):
            self._forget()
        return Letter(message, parcel)

    def close(self) -> None:
        """Remove everything."""
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget(self) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch.path, ignore_errors=True)
        self._scratch = self._watch = self._depot = None
        self._is_due = False


def _remove_abandoned() -> None:
    """Remove the folders of workers on this node that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, StudyError):
            old = time.time() - folder.stat().st_mtime > _OLD_SECONDS  # or not yet locked
            if old and not is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)
