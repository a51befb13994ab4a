"""Say how a study is run: what may change from one call to the next."""

import dataclasses
from pathlib import Path

from harness.tracking.tracker import TrackerOptions


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """Say how to run a study; none of it changes what its numbers mean.

    Args:
        name: Name of the study.
        studies_dir: The folder of all studies.
        trials: How many trials the study shall have in total.
        workers: How many train at once.
        threads: TensorFlow threads of each.
        seed: Origin of every random stream; None for the stored one, or 0 in a new study.
        data_dir: Where to look for the data first.
        weights: File of the extractor's weights, where it does not bring its own. The study keeps
            their hash, not this path.
        baseline_seconds: Train every preset for so long beside the search; None for none.
        enqueue: A YAML of configurations to try first.
        tracker: Key of `TRACKERS`.
        tracker_options: How much it records.
        max_worker_megabytes: A worker that grew beyond is replaced after its trial.
    """

    name: str
    studies_dir: Path = Path("studies")
    trials: int = 50
    workers: int = 1
    threads: int = 0
    seed: int | None = None
    data_dir: Path | None = None
    weights: Path | None = None
    baseline_seconds: float | None = None
    enqueue: Path | None = None
    tracker: str = "wandb"
    tracker_options: TrackerOptions = dataclasses.field(default_factory=TrackerOptions)
    max_worker_megabytes: float = 2500.0
