"""What a tracker is, and which there are: each turns a training's events into records."""

import contextlib
from collections.abc import Sequence
from typing import Protocol

from harness.core.events import Event
from harness.core.option_values import TrackerName
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.jsonl_tracker import HISTORY_NAME, JsonlTracker


class Tracker(Protocol):
    """A recorder of one training's events.

    Events arrive in the order of `kimg`, from one thread. A tracker opened for a training that
    was interrupted first receives `Started`, and then again whatever came after that `kimg`.
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


class CompositeTracker:
    """Several trackers as one, or none.

    Args:
        trackers: Receive every event in this order. The first must be the one that keeps the
            truth: the later ones may read what it wrote.
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


def open_tracker(
    name: TrackerName, identity: TrialIdentity, options: TrackerOptions | None = None
) -> Tracker:
    """Open the tracker of that name for one training.

    Args:
        name: `wandb` (history and W&B), `jsonl` (history alone) or `none`.
        identity: Which training it will hear about.
        options: How much it records; None for the defaults.

    Raises:
        StorageError: If the trial's folder cannot be written.
    """
    if name == "none":
        return CompositeTracker(())
    # History comes first: W&B's tracker logs from it what an earlier session may have lost.
    history = JsonlTracker(identity.folder / HISTORY_NAME)
    if name == "jsonl":
        return history
    try:
        # Importing wandb takes most of a second: only whoever tracks with it pays.
        from harness.tracking.wandb_tracker import WandbTracker

        return CompositeTracker([history, WandbTracker(identity, options or TrackerOptions())])
    except BaseException:
        history.close()
        raise
