"""Turn the events of a training into records: what a tracker is, and which there are."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.core.errors import ConfigError
from harness.core.events import Event
from harness.core.option_values import RequestedMode, TrackerName, check_choices
from harness.tracking.jsonl_tracker import HISTORY_NAME, JsonlTracker

_FORBIDDEN = "/\\#?%:"


class Tracker(Protocol):
    """Record what one training says.

    Events arrive in the order of `kimg`, from one thread. A tracker opened for a training that
    was interrupted first hears `Started`, and then again whatever was said after that `kimg`.
    """

    def emit(self, event: Event) -> None:
        """Record one event.

        Raises:
            StorageError: If the trial's own folder cannot be written.
        """
        ...

    def close(self) -> None:
        """Release files and connections; a second call does nothing."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialIdentity:
    """Say which training the events are about.

    Args:
        study: Name of the study; W&B's group.
        study_id: UUID of the study, so that two studies of one name never share a W&B run.
        trial: Name of the trial within the study, e.g. `0007` or `baseline-mlp_cgan`.
        folder: The trial's folder; paths within events are relative to it.
        config: The trial's configuration, nested by ingredient, ready for JSON.
        wandb_root: Folder in which W&B's folder `wandb` lies: the study's.
        tags: Labels to filter by: family, sampler, baseline.
        job_type: `trial`, `baseline`, `train`, `confirm`, `export` or `study`.
    """

    study: str
    study_id: str
    trial: str
    folder: Path
    config: dict[str, Any]
    wandb_root: Path
    tags: tuple[str, ...] = ()
    job_type: str = "trial"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """Choose how much a tracker records, and where to.

    Args:
        images: Whether sample grids go to W&B.
        wandb_mode: `auto` follows `WANDB_MODE` and the settings of W&B, and without credentials
            stays offline.
        project: W&B project; None takes `WANDB_PROJECT`, or else the harness's own name.
        entity: W&B account or team; None takes `WANDB_ENTITY`, or else the account's default.
        histograms: Whether weights and gradient norms are described at rungs.
        image_megabytes: What all sample grids of a study's W&B runs may take on disk, in 10^6
            bytes; later ones stay in the trainings' folders alone.

    Raises:
        ConfigError: If W&B knows no such mode, project or entity names.
    """

    images: bool = True
    wandb_mode: RequestedMode = "auto"
    project: str | None = None
    entity: str | None = None
    histograms: bool = False
    image_megabytes: float = 200.0

    def __post_init__(self) -> None:
        check_choices(self)
        for option, name in (("--wandb-project", self.project), ("--wandb-entity", self.entity)):
            if name is not None and (not name.strip() or set(name) & set(_FORBIDDEN)):
                raise ConfigError(
                    f"{option}: expected a name without any of {' '.join(_FORBIDDEN)}; received "
                    f"{name!r}."
                )


class NullTracker:
    """Record nothing."""

    def emit(self, event: Event) -> None:
        """Ignore the event."""

    def close(self) -> None:
        """Do nothing."""


class CompositeTracker:
    """Pass every event on to several trackers, in their order.

    Args:
        trackers: Whom to tell. The first must be the one that keeps the truth: the later ones
            may read what it wrote.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    def emit(self, event: Event) -> None:
        """Record the event with each tracker."""
        for tracker in self._trackers:
            tracker.emit(event)

    def close(self) -> None:
        """Close all trackers, the last first, even if one of them fails."""
        with contextlib.ExitStack() as stack:
            for tracker in self._trackers:
                stack.callback(tracker.close)


def _open_jsonl(identity: TrialIdentity, options: TrackerOptions) -> Tracker:
    return JsonlTracker(identity.folder / HISTORY_NAME)


def _open_wandb(identity: TrialIdentity, options: TrackerOptions) -> Tracker:
    # Importing wandb takes most of a second: only whoever tracks with it pays.
    from harness.tracking.wandb_tracker import WandbTracker

    # History comes first: W&B's tracker repairs its run from it.
    history = _open_jsonl(identity, options)
    try:
        return CompositeTracker([history, WandbTracker(identity, options)])
    except BaseException:
        history.close()
        raise


def _open_none(identity: TrialIdentity, options: TrackerOptions) -> Tracker:
    return NullTracker()


TRACKERS: dict[TrackerName, Callable[[TrialIdentity, TrackerOptions], Tracker]] = {
    "wandb": _open_wandb,
    "jsonl": _open_jsonl,
    "none": _open_none,
}


def open_tracker(
    name: TrackerName, identity: TrialIdentity, options: TrackerOptions | None = None
) -> Tracker:
    """Open the tracker of that name for one training.

    Args:
        name: Key of `TRACKERS`: `wandb` (history and W&B), `jsonl` (history alone) or `none`.
        identity: Which training it will hear about.
        options: How much it records; None for the defaults.

    Raises:
        StorageError: If the trial's folder cannot be written.
    """
    return TRACKERS[name](identity, options or TrackerOptions())
