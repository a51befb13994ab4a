"""Keep a number of workers running, whatever becomes of each."""

import dataclasses
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

from harness.backends.backend import Engine, Worker
from harness.backends.messages import Died
from harness.core.errors import HarnessError
from harness.runner.job_queue import Assignment

_MOST_FALSE_STARTS = 3
"""So many workers in a row that fail before they are ready are no accident."""

_PAUSE_SECONDS = 1.0
_MOST_DOUBLINGS = 5

_WAIT_SECONDS = 0.5

_MOST_ENDING = 32
"""So many workers are ended at a time."""


@dataclasses.dataclass(eq=False)
class Post:
    """Hold a worker's place: its process may change, its GPU does not.

    Args:
        slot: Its number, from 0.
        worker: Who holds it now.
        ready: Whether the worker has loaded everything.
        assignment: What it trains.
        silent_seconds: How long it has said nothing about that.
        is_spent: Whether the worker is to be replaced when it comes back.
        vacant_until: When a dead worker is replaced; None where there is no need.
    """

    slot: int
    worker: Worker
    ready: bool = False
    assignment: Assignment | None = None
    silent_seconds: float = 0.0
    is_spent: bool = False
    vacant_until: float | None = None

    def employ(self, assignment: Assignment) -> None:
        """Hand a training to the worker."""
        self.assignment = assignment
        self.silent_seconds = 0.0
        self.worker.train(assignment.job)

    @property
    def is_overdue(self) -> bool:
        """Return whether its training had a limit that only a hung worker can exceed so far."""
        if self.assignment is None or self.assignment.deadline_seconds is None:
            return False
        return self.assignment.seconds + self.silent_seconds > self.assignment.deadline_seconds


class Crew:
    """Start workers, listen to all of them, and put new ones in the place of lost ones.

    Args:
        engine: Where they run.
        count: How many.
    """

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine
        self._count = count
        self._false_starts = 0
        self._lost_starts = 0
        self._can_load = False
        self._last_wait = time.monotonic()
        self.posts: list[Post] = []

    def start(self) -> None:
        """Start all workers."""
        self.posts = [Post(slot, self._engine.recruit(slot)) for slot in range(self._count)]

    def close(self) -> None:
        """End all workers at once: one that does not answer is waited for beside the others."""
        with ThreadPoolExecutor(_MOST_ENDING) as pool:
            list(pool.map(lambda post: post.worker.stop(at_once=True), self.posts))
        self.posts = []
        self._engine.close()

    def wait(self) -> list[Post]:
        """Return the posts that have something to say, waiting a moment for the first."""
        workers = [post.worker for post in self._manned()]
        if not workers:  # an engine would return at once
            time.sleep(_WAIT_SECONDS)
        speaking = set(self._engine.wait(workers, _WAIT_SECONDS)) if workers else set()
        now = time.monotonic()
        # A process that was itself suspended must not hold the time against its workers.
        passed = min(now - self._last_wait, 2 * _WAIT_SECONDS)
        self._last_wait = now
        for post in self.posts:
            post.silent_seconds += passed
        return [post for post in self.posts if post.worker in speaking]

    def welcome(self, post: Post) -> None:
        """Take note that a worker is ready."""
        post.ready = True
        self._can_load = True
        self._false_starts = self._lost_starts = 0

    def replace(self, post: Post) -> None:
        """Put a fresh worker in the place of one that is gone."""
        post.worker = self._engine.recruit(post.slot)
        post.ready, post.assignment, post.is_spent = False, None, False
        post.vacant_until = None

    def bury(self, post: Post, died: Died) -> None:
        """Replace a worker that is gone; after a pause where it had not become ready.

        Raises:
            HarnessError: If no worker was ever ready, and one after the other fails to become so.
        """
        if post.ready:
            self.replace(post)
            return
        if died.lost:
            self._lost_starts += 1
        else:
            self._false_starts += 1
            self._complain(died)
        doublings = min(self._false_starts + self._lost_starts - 1, _MOST_DOUBLINGS)
        post.vacant_until = time.monotonic() + _PAUSE_SECONDS * 2**doublings

    def _complain(self, died: Died) -> None:
        """Give up if nothing shows that workers can load here; otherwise say it once."""
        if self._false_starts != _MOST_FALSE_STARTS:
            return
        message = self._engine.never_ready(died.exit_code)
        if not self._can_load:
            raise HarnessError(message)
        warnings.warn(f"{message} Others go on, and new ones are tried.", stacklevel=2)

    def _manned(self) -> list[Post]:
        """Return the posts that have a worker, having filled those whose pause is over."""
        for post in self.posts:
            if post.vacant_until is not None and time.monotonic() >= post.vacant_until:
                self.replace(post)
        return [post for post in self.posts if post.vacant_until is None]
