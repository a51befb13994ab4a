"""Compare a training's W&B run with its history, and bring the run up to it."""

import dataclasses
import json
import math
import operator
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import StorageError
from harness.core.events import Event, Finished, Progressed, RungScored, Started
from harness.core.files import storage_error
from harness.tracking.tracker import TrackerOptions, TrialIdentity
from harness.tracking.wandb_log import (
    PROGRESS_KEY,
    RUNG_KEY,
    find_segments,
    read_records,
    run_id,
    rung_kimg,
)


@dataclasses.dataclass(frozen=True)
class WandbFault:
    """Say how a run differs from its history.

    Args:
        message: What is wrong, in words.
        lacks_only: Whether everything there is right, so that adding the rest mends it; else the
            run must be logged anew.
    """

    message: str
    lacks_only: bool


def wandb_fault(identity: TrialIdentity, history: Sequence[Event]) -> WandbFault | None:
    """Return how the logs of a run on this disk differ from the training's history, if they do.

    Args:
        identity: The training.
        history: What it said, its end included.

    Returns:
        None where they agree, or where the history has nothing for W&B.
    """
    segments = find_segments(identity.wandb_root / "wandb", run_id(identity))
    if not segments:
        return WandbFault("W&B has no log of it", lacks_only=True)
    try:
        records = [record for segment in segments for record in read_records(segment)]
    except (StorageError, json.JSONDecodeError) as error:
        return WandbFault(f"W&B's log cannot be read ({error})", lacks_only=False)
    rows = [record["history"]["item"] for record in records if record["type"] == "history"]
    steps = [row["_step"] for row in rows]
    if steps != list(range(len(steps))):
        return WandbFault("W&B's log has steps twice or out of order", lacks_only=False)
    gaps = list(_gaps(history))
    kinds = (
        (PROGRESS_KEY, Progressed, operator.itemgetter("kimg")),
        (RUNG_KEY, RungScored, rung_kimg),
    )
    for key, kind, place in kinds:
        said = [event.kimg for event in history if isinstance(event, kind)]
        logged = [place(row) for row in rows if key in row]
        logged = [kimg for kimg in logged if kimg in said or not _is_within(kimg, gaps)]
        # A history that lost its end agrees with a log that kept it.
        if logged[: len(said)] != said[: len(logged)]:
            return WandbFault("W&B's log tells another course than the history", lacks_only=False)
        if len(logged) < len(said):
            last = max(logged, default=-math.inf)
            where = f"ends at {last:g} kimg" if logged else "has no rows"
            return WandbFault(f"W&B's log {where}; the history at {said[-1]:g}", lacks_only=True)
    ends = [event.outcome.reason.value for event in history if isinstance(event, Finished)]
    if ends and _logged_reason(records) != ends[-1]:
        return WandbFault(f"W&B does not know that it ended ({ends[-1]})", lacks_only=True)
    return None


def replay_to_wandb(
    identity: TrialIdentity, history: Sequence[Event], fault: WandbFault, options: TrackerOptions
) -> None:
    """Log what a run lacks, or all of it anew, the way an interrupted trial is taken up again.

    Args:
        identity: The training.
        history: What it said, its end included.
        fault: What `wandb_fault` found.
        options: How much is logged, and where to.

    Raises:
        StorageError: If the logs that must go cannot be removed, or W&B has them already.
    """
    from harness.tracking.wandb_tracker import WandbTracker

    if not fault.lacks_only:
        for segment in find_segments(identity.wandb_root / "wandb", run_id(identity)):
            _remove(segment.parent)
    tracker = WandbTracker(identity, options)
    try:
        # The tracker itself reads the rest from the history, whose first event says the sizes.
        for event in history:
            if isinstance(event, Started):
                tracker.emit(event)
                break
        for event in history:
            if isinstance(event, Finished):
                tracker.emit(event)
    finally:
        tracker.close()


def _gaps(history: Sequence[Event]) -> Iterator[tuple[float, float]]:
    """Yield from where to where a history was damaged and lost events, which W&B may still have.

    A training goes on, and ends, where it was last heard of, so a history that jumps lacks what
    lies between.
    """
    end = 0.0
    for event in history:
        if isinstance(event, Progressed | RungScored):
            end = max(end, event.kimg)
        else:
            kimg = event.kimg if isinstance(event, Started) else event.outcome.kimg
            if kimg >= end:
                yield end, kimg


def _is_within(kimg: float, gaps: Sequence[tuple[float, float]]) -> bool:
    return any(first <= kimg <= last for first, last in gaps)


def _remove(folder: Path) -> None:
    if not folder.name.startswith("offline-"):
        raise StorageError(
            f"{folder}: this run was logged online, so W&B's server has it too. Delete the run "
            f"there and this folder here, then repair again."
        )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise storage_error(folder, error) from error


def _logged_reason(records: Sequence[dict[str, Any]]) -> str | None:
    """Return the reason of the end in a run's summary."""
    reason = None
    for record in records:
        if record["type"] == "summary":
            update = record["summary"].get("update", {})
            outcome = update.get("outcome")
            found = update.get("outcome.reason")
            if isinstance(outcome, dict):
                found = outcome.get("reason")
            reason = found or reason
    return reason
