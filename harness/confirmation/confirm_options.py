"""Say how a confirmation is run: what may change from one call to the next."""

import dataclasses
from pathlib import Path

from harness.backends.cluster import Cluster
from harness.core.option_values import TrackerName, check_choices
from harness.tracking.tracker import TrackerOptions


@dataclasses.dataclass(frozen=True)
class ConfirmOptions:
    """Say what to confirm and how; a larger `top` or `seeds` adds to what is there.

    Args:
        name: Name of the study.
        studies_dir: The folder of all studies.
        top: How many of its leaders to retrain.
        seeds: How many new seeds each gets at most.
        extractor: What the test scores see through; None for what the study's scores do.
        weights: File of that extractor's weights, where it does not bring its own.
        workers: How many train at once; None for as many as there is room for.
        threads: TensorFlow threads of each.
        gpus: Names of the GPUs that workers lease in turn; none to train on cores.
        data_dir: Where to look for the data first.
        tracker: Key of `TRACKERS`.
        tracker_options: How much it records.
        max_worker_megabytes: A worker that grew beyond is replaced after its training.
        checkpoint_seconds: A training is saved at least so often.
        cluster: Where workers run; None for this machine.
    """

    name: str
    studies_dir: Path = Path("studies")
    top: int = 5
    seeds: int = 3
    extractor: str | None = None
    weights: Path | None = None
    workers: int | None = 1
    threads: int = 0
    gpus: tuple[str, ...] = ()
    data_dir: Path | None = None
    tracker: TrackerName = "wandb"
    tracker_options: TrackerOptions = dataclasses.field(default_factory=TrackerOptions)
    max_worker_megabytes: float = 2500.0
    checkpoint_seconds: float = 60.0
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        check_choices(self)
