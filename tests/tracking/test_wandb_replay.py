"""Compare W&B's log with a history that was damaged."""

import math
from pathlib import Path

import pytest

from harness.core.events import Event, Finished, Progressed
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history, rewrite_history
from harness.tracking.tracker import TrialIdentity, open_tracker
from harness.tracking.wandb_replay import wandb_fault
from tests.tracking.trainings import (
    OFFLINE,
    between,
    complete,
    identify,
    play,
    record_whole_trial,
    start,
)


@pytest.fixture
def whole(tmp_path: Path) -> TrialIdentity:
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    return identity


def history_of(identity: TrialIdentity) -> list[Event]:
    return read_history(identity.folder / HISTORY_NAME)


def test_what_only_wandb_kept_of_a_damaged_history_is_no_fault(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 4)])
    tracker.close()
    # Progress at 1 and 2 kimg is left; the checkpoint stands at 4.
    rewrite_history(identity.folder / HISTORY_NAME, history_of(identity)[:3])
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(4.0), *between(identity, 4, 6), complete()])
    tracker.close()
    history = history_of(identity)
    assert [event.kimg for event in history if isinstance(event, Progressed)] == [1, 2, 5, 6]
    assert wandb_fault(identity, history) is None


def test_what_was_lost_at_the_end_of_a_history_is_no_fault(whole: TrialIdentity):
    history = [each for each in history_of(whole) if isinstance(each, Finished) or each.kimg < 4]
    assert wandb_fault(whole, history) is None


def test_what_a_sound_history_does_not_tell_is_a_fault(whole: TrialIdentity):
    history = [each for each in history_of(whole) if getattr(each, "kimg", math.inf) != 3]
    fault = wandb_fault(whole, history)
    assert fault is not None
    assert "another course" in fault.message
    assert not fault.lacks_only
