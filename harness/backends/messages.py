"""Say what travels between the runner and its workers; both engines carry the same."""

import dataclasses

from harness.core.errors import HarnessError
from harness.core.events import Event
from harness.core.outcome import Reason
from harness.core.score import Protocol
from harness.training.job import WorkerSetup as WorkerSetup


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
    """Tell that the process is gone.

    Args:
        exit_code: How it ended, where that is known.
        lost: Whether it was taken away, with its node or by whoever ended it: what it was loading
            or training had no part in that. Otherwise it was killed, out of memory or crashed
            below Python.
    """

    exit_code: int | None
    lost: bool = False


Message = Ready | Said | Left | Broke | Refused | Died
