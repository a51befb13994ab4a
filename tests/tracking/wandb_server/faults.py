"""Make a server fail the way a far one does."""

import dataclasses
import threading


@dataclasses.dataclass
class Faults:
    """What the next requests are answered with instead.

    Args:
        statuses: HTTP statuses, one a request, until they are used up.
        always: The status of every request from now on; None where it answers.
        lost: Whether a request that fails is carried out all the same, as where its answer is
            lost on the way.
        told: How many requests were failed.
    """

    statuses: list[int] = dataclasses.field(default_factory=list)
    always: int | None = None
    lost: bool = False
    told: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def next_status(self) -> int | None:
        """Return the status to fail this request with; None to answer it."""
        with self._lock:
            status = self.statuses.pop(0) if self.statuses else self.always
            self.told += status is not None
            return status
