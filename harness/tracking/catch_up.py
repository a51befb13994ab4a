"""Tell the trackers how a training ended, where a crash kept that from them."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import StorageError
from harness.core.events import Event, Finished, Progressed, RungScored, Started
from harness.core.outcome import Outcome
from harness.tracking.identity import TrackerOptions, TrialIdentity, run_id
from harness.tracking.jsonl_tracker import (
    HISTORY_NAME,
    last_event,
    read_history,
    rewrite_history,
)
from harness.tracking.wandb_log import (
    find_runs,
    has_end,
    is_offline,
    latest_runs,
    noted_end,
    rows_given,
)
from harness.tracking.wandb_mode import wandb_mode


class RecordedEnds:
    """What the trackers of a study know of the ends of its trainings, by one look at the disk.

    Args:
        tracker: A `TrackerName`.
        study_folder: The study.
        study_id: Its UUID.
        options: Where W&B logs to.
    """

    def __init__(
        self, tracker: str, study_folder: Path, study_id: str, options: TrackerOptions
    ) -> None:
        self._tracker = tracker
        self._study_id = study_id
        self._runs: dict[str, Path] | None = None
        if tracker == "wandb" and wandb_mode(study_folder, options.wandb_mode).mode == "offline":
            self._runs = latest_runs(study_folder / "wandb")

    def tell(self, trial: str, folder: Path, outcome: Outcome) -> bool:
        """Return whether history and W&B's offline log end with an outcome.

        Their ends alone are looked at: what lies before is examined by `doctor`.

        Args:
            trial: Name of the training.
            folder: Its folder.
            outcome: Its end.
        """
        if self._tracker == "none":
            return True
        if last_event(folder / HISTORY_NAME) != Finished(outcome):
            return False
        if self._runs is None:
            return True
        run = self._runs.get(run_id(self._study_id, trial))
        if run is None:
            return False
        return not is_offline(run) or has_end(run, outcome.reason.value)


def catch_up(
    tracker: str, identity: TrialIdentity, outcome: Outcome, options: TrackerOptions
) -> None:
    """Make history and W&B's offline log tell the end that the folder tells.

    A process may die after `outcome.json` and before the trackers hear of it, and a folder of
    W&B's may be removed; what is lacking is logged. A history damaged in its middle is left to
    `doctor`, and runs logged online to W&B's server.

    Args:
        tracker: A `TrackerName`.
        identity: The training, which has ended.
        outcome: Its end.
        options: How much is logged, and where to.

    Raises:
        StorageError: If the logs cannot be written.
    """
    if tracker == "none":
        return
    file = identity.folder / HISTORY_NAME
    try:
        history = read_history(file)
    except StorageError:
        return
    if [event.outcome for event in history if isinstance(event, Finished)] != [outcome]:
        history = tell_end(history, outcome)
        rewrite_history(file, history)
    if tracker != "wandb" or wandb_mode(identity.wandb_root, options.wandb_mode).mode != "offline":
        return
    if wandb_fault(identity, history) is not None:
        replay_to_wandb(identity, history, options)


def tell_end(history: list[Event], outcome: Outcome) -> list[Event]:
    """Return a history that ends with this outcome and with no other."""
    return [*(event for event in history if not isinstance(event, Finished)), Finished(outcome)]


def wandb_fault(identity: TrialIdentity, history: Sequence[Event]) -> str | None:
    """Return in words what the log of a run on this disk lacks of the training's whole history.

    None where nothing is lacking, or where W&B's server has the run.
    """
    runs = find_runs(identity.wandb_folder, identity.run_id)
    if not runs:
        return "W&B has no log of it"
    if not is_offline(runs[-1]):
        return None
    given = rows_given(runs)
    for kind, kimgs in ((Progressed, given.progress), (RungScored, given.rungs)):
        lacking = [e.kimg for e in history if isinstance(e, kind) and e.kimg not in kimgs]
        if lacking:
            return f"W&B's log lacks the row at {lacking[0]:g} kimg"
    ends = [event.outcome.reason.value for event in history if isinstance(event, Finished)]
    if ends and noted_end(runs[-1]) != ends[-1]:
        return f"W&B's log is not whole or does not say that it ended ({ends[-1]})"
    return None


def replay_to_wandb(
    identity: TrialIdentity, history: Sequence[Event], options: TrackerOptions
) -> None:
    """Log a training that has ended anew, the way an interrupted one is resumed."""
    from harness.tracking.wandb_tracker import WandbTracker

    # The tracker itself reads the rest from the history, whose first event says the sizes.
    starts: list[Event] = [event for event in history if isinstance(event, Started)]
    ends: list[Event] = [event for event in history if isinstance(event, Finished)]
    with contextlib.closing(WandbTracker(identity, options)) as tracker:
        for event in starts[:1] + ends:
            tracker.emit(event)
