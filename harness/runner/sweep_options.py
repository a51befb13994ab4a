"""How a study is run: what may change from one call to the next."""

import dataclasses
from pathlib import Path

from harness.backends.cluster import Cluster
from harness.core.option_values import Keep, TrackerName, check_choices
from harness.tracking.identity import TrackerOptions

DEFAULT_TRIALS, MOST_TRIALS = 50, 100_000
"""Trials of a study where nothing is said of them, and where its time says how many."""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What sweeps and confirmations let a user choose; none of it changes what numbers mean.

    Args:
        name: Name of the study.
        studies_dir: The folder of all studies.
        workers: How many train at once; None for as many as there is room for.
        threads: TensorFlow threads of each.
        gpus: Names of the GPUs that workers get in turn; none to train on cores.
        cluster: Where workers run; None for this machine.
        data_dir: Where to look for the data first.
        weights: File of the extractor's weights, where it does not bring its own. The study keeps
            their hash, not this path.
        tracker: A `TrackerName`.
        tracker_options: How much it records.
        max_worker_megabytes: A worker that grew beyond is replaced after its training.
        checkpoint_seconds: A training is saved at least so often.
    """

    name: str
    studies_dir: Path = Path("studies")
    workers: int | None = 1
    threads: int = 0
    gpus: tuple[str, ...] = ()
    cluster: Cluster | None = None
    data_dir: Path | None = None
    weights: Path | None = None
    tracker: TrackerName = "wandb"
    tracker_options: TrackerOptions = dataclasses.field(default_factory=TrackerOptions)
    max_worker_megabytes: float = 2500.0
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        check_choices(self)

    @property
    def folder(self) -> Path:
        """Return the study's folder."""
        return self.studies_dir / self.name


@dataclasses.dataclass(frozen=True)
class SweepOptions(RunOptions):
    """How to run a study: what is in `RunOptions`, and what follows.

    Args:
        trials: How many trials the study shall have in total.
        seed: Origin of every random stream; None for the stored one, or 0 in a new study.
        baseline_seconds: Train every preset for so long beside the search; None for none.
        enqueue: A YAML of configurations to try first.
        finish: Whether the leaders are trained on even where the search space says nothing of it.
        keep: Which networks of ended trials stay on disk; see `Retention`.
        trial_timeout_seconds: A trial that takes longer ends as timed out; None for no limit.
        grace_seconds: A worker that is silent for so long beyond that limit is killed.
        max_failed_share: The study stops when more than this share of its trials failed.
        time_budget_seconds: Plan this sweep for so long, and stop it then; None for no limit.
        target_fid: Stop when a completed trial's final FID is at most this; None for none.
    """

    trials: int = 50
    seed: int | None = None
    baseline_seconds: float | None = None
    enqueue: Path | None = None
    finish: bool = False
    keep: Keep = "all"
    trial_timeout_seconds: float | None = None
    grace_seconds: float = 60.0
    max_failed_share: float = 0.5
    time_budget_seconds: float | None = None
    target_fid: float | None = None
