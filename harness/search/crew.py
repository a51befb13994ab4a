"""Keep a number of workers running, whatever becomes of each."""

import dataclasses
import time

from harness.errors import HarnessError
from harness.search.assignments import Assignment
from harness.search.devices import lease
from harness.search.workers import Worker, WorkerSetup, wait

_MOST_FALSE_STARTS = 3
"""So many workers in a row that end before they are ready are no accident."""

_WAIT_SECONDS = 0.5


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
    """

    slot: int
    worker: Worker
    ready: bool = False
    assignment: Assignment | None = None
    silent_seconds: float = 0.0
    is_spent: bool = False

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
        setup: What each loads.
        count: How many.
        gpus: What they lease in turn; none to train on cores.
    """

    def __init__(self, setup: WorkerSetup, count: int, gpus: tuple[str, ...] = ()) -> None:
        self._setup = setup
        self._count = count
        self._gpus = gpus
        self._false_starts = 0
        self._last_wait = time.monotonic()
        self.posts: list[Post] = []

    def start(self) -> None:
        """Start all workers."""
        self.posts = [Post(slot, self._recruit(slot)) for slot in range(self._count)]

    def close(self) -> None:
        """End all workers at once."""
        for post in self.posts:
            post.worker.stop(at_once=True)
        self.posts = []

    def wait(self) -> list[Post]:
        """Return the posts that have something to say, waiting a moment for the first."""
        speaking = wait([post.worker for post in self.posts], _WAIT_SECONDS)
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
        self._false_starts = 0

    def replace(self, post: Post) -> None:
        """Put a fresh worker in the place of one that is gone."""
        post.worker = self._recruit(post.slot)
        post.ready, post.assignment, post.is_spent = False, None, False

    def note_death(self, post: Post, exit_code: int | None) -> None:
        """Take note that a worker's process ended.

        Raises:
            HarnessError: If no worker becomes ready any more.
        """
        if post.ready:
            return
        self._false_starts += 1
        if self._false_starts >= _MOST_FALSE_STARTS:
            raise never_ready(exit_code)

    def _recruit(self, slot: int) -> Worker:
        return Worker(self._setup, lease(slot, workers=self._count, gpus=self._gpus))


def never_ready(exit_code: int | None) -> HarnessError:
    """Return the message about workers that end before they are ready."""
    return HarnessError(
        f"A worker process ended with exit code {exit_code} before it was ready. Run "
        f"`python -c 'import tensorflow'` to see whether TensorFlow works, and look at the free "
        f"memory."
    )
