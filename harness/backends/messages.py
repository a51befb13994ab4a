"""Say what travels between the runner and its workers; both engines carry the same."""

import dataclasses
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.events import Event
from harness.core.outcome import Reason
from harness.core.score import Protocol
from harness.data.image_dataset import ImageDataset
from harness.gan.user_code.user_functions import NO_FUNCTIONS, UserFunctions
from harness.training.test_scoring import TestScoring


@dataclasses.dataclass(frozen=True)
class WorkerSetup:
    """Say what every worker loads before its first job.

    Args:
        dataset: Key of `DATASETS`, or a scheme and a path; or the images themselves.
        data_dir: Where to look for it first; None for the usual places.
        extractor: What the metrics see through.
        metric: What a score is: key of `OBJECTIVES`.
        num_images: How many generated images a score compares.
        threads: TensorFlow threads of one worker.
        weights: File of the extractor's weights, where it does not bring its own.
        deterministic: Whether operations must repeat bit for bit.
        functions: Functions of the user's own that jobs may name.
        test_scoring: How kept generators are scored on the test split; None for not at all.
    """

    dataset: str | ImageDataset
    data_dir: Path | None
    extractor: str
    metric: str
    num_images: int
    threads: int
    weights: Path | None = None
    deterministic: bool = False
    functions: UserFunctions = NO_FUNCTIONS
    test_scoring: TestScoring | None = None


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
