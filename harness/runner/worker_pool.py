"""A number of workers that are kept running, whatever becomes of each."""

import dataclasses
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

from harness.backends.backend import Backend, Worker, WorkerDied
from harness.core.errors import HarnessError
from harness.runner.job_source import RunningJob

_MOST_FALSE_STARTS = 3
"""So many workers in a row that fail before they are ready are no accident."""

_PAUSE_SECONDS = 1.0
_MOST_DOUBLINGS = 5

_WAIT_SECONDS = 0.5

_MOST_ENDING = 32
"""So many workers are ended at a time."""


@dataclasses.dataclass(eq=False)
class WorkerSlot:
    """A worker's slot: the process in it may be replaced, its number and its GPU stay.

    Args:
        slot: Its number, from 0.
        worker: The present worker.
        ready: Whether the worker has loaded everything.
        running: What it trains.
        silent_seconds: How long there has been no message about that.
        is_spent: Whether the worker is to be replaced after its training.
        vacant_until: When a dead worker is replaced; None where there is no need.
    """

    slot: int
    worker: Worker
    ready: bool = False
    running: RunningJob | None = None
    silent_seconds: float = 0.0
    is_spent: bool = False
    vacant_until: float | None = None

    @property
    def is_overdue(self) -> bool:
        """Return whether its training had a limit that only a hung worker can exceed so far."""
        if self.running is None or self.running.deadline_seconds is None:
            return False
        return self.running.seconds + self.silent_seconds > self.running.deadline_seconds


class WorkerPool:
    """Workers of one backend, with new ones in the place of lost ones.

    Args:
        backend: Where they run.
        count: How many.

    Attributes:
        slots: A slot for each; none before `start` and after `close`.
    """

    def __init__(self, backend: Backend, count: int) -> None:
        self._backend = backend
        self._count = count
        self._false_starts = 0
        self._lost_starts = 0
        self._can_load = False
        self._last_wait = time.monotonic()
        self.slots: list[WorkerSlot] = []

    @property
    def is_busy(self) -> bool:
        """Return whether any worker has a training."""
        return any(slot.running for slot in self.slots)

    def start(self) -> None:
        """Start all workers."""
        self.slots = [
            WorkerSlot(slot, self._backend.start_worker(slot)) for slot in range(self._count)
        ]

    def close(self) -> None:
        """End all workers at once, beside each other, and leave no tracker open."""
        for slot in self.slots:
            if slot.running is not None:
                slot.running.tracker.close()
        with ThreadPoolExecutor(_MOST_ENDING) as pool:
            list(pool.map(lambda slot: slot.worker.stop(at_once=True), self.slots))
        self.slots = []
        self._backend.close()

    def wait(self) -> list[WorkerSlot]:
        """Return the slots whose workers have sent something, waiting a moment for the first."""
        workers = [slot.worker for slot in self._occupied()]
        if not workers:  # a backend would return at once
            time.sleep(_WAIT_SECONDS)
        sending = set(self._backend.wait(workers, _WAIT_SECONDS)) if workers else set()
        now = time.monotonic()
        # A process that was itself suspended must not hold the time against its workers.
        passed = min(now - self._last_wait, 2 * _WAIT_SECONDS)
        self._last_wait = now
        for slot in self.slots:
            slot.silent_seconds += passed
        return [slot for slot in self.slots if slot.worker in sending]

    def mark_ready(self, slot: WorkerSlot) -> None:
        """Note that a worker is ready."""
        slot.ready = True
        self._can_load = True
        self._false_starts = self._lost_starts = 0

    def replace(self, slot: WorkerSlot) -> None:
        """Start a new worker in a slot whose worker is gone."""
        slot.worker = self._backend.start_worker(slot.slot)
        slot.ready, slot.running, slot.is_spent = False, None, False
        slot.vacant_until = None

    def replace_dead(self, slot: WorkerSlot, died: WorkerDied) -> None:
        """Replace a worker that is gone; after a pause where it had not become ready.

        Raises:
            HarnessError: If no worker was ever ready, and one after the other fails to become so.
        """
        if slot.ready:
            self.replace(slot)
            return
        if died.lost:
            self._lost_starts += 1
        else:
            self._false_starts += 1
            self._complain(died)
        doublings = min(self._false_starts + self._lost_starts - 1, _MOST_DOUBLINGS)
        slot.vacant_until = time.monotonic() + _PAUSE_SECONDS * 2**doublings

    def _complain(self, died: WorkerDied) -> None:
        """Give up if nothing shows that workers can load here; otherwise warn once."""
        if self._false_starts != _MOST_FALSE_STARTS:
            return
        message = self._backend.never_ready(died)
        if not self._can_load:
            raise HarnessError(message)
        warnings.warn(f"{message} Others go on, and new ones are tried.", stacklevel=2)

    def _occupied(self) -> list[WorkerSlot]:
        """Return the slots that have a worker, having filled those whose pause is over."""
        for slot in self.slots:
            if slot.vacant_until is not None and time.monotonic() >= slot.vacant_until:
                self.replace(slot)
        return [slot for slot in self.slots if slot.vacant_until is None]
