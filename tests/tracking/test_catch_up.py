import dataclasses
import shutil
from pathlib import Path

import pytest

from harness.core.events import Finished
from harness.tracking.catch_up import catch_up, wandb_fault
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.tracking.tracker import open_tracker
from tests.tracking.offline_log import read_offline_runs
from tests.tracking.trainings import (
    OFFLINE,
    between,
    complete,
    identify,
    play,
    record_whole_trial,
    start,
)

OUTCOME = complete().outcome


def test_a_crash_between_outcome_and_trackers_is_made_good(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 6)])
    tracker.close()
    catch_up("wandb", identity, OUTCOME, OFFLINE)
    history = read_history(identity.folder / HISTORY_NAME)
    assert history[-1] == Finished(OUTCOME)
    assert wandb_fault(identity, history) is None


def test_a_removed_wandb_folder_is_logged_anew(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    shutil.rmtree(tmp_path / "wandb")
    catch_up("wandb", identity, OUTCOME, OFFLINE)
    history = read_history(identity.folder / HISTORY_NAME)
    assert sum(isinstance(event, Finished) for event in history) == 1
    assert wandb_fault(identity, history) is None


def test_what_is_whole_is_left_alone(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    catch_up("wandb", identity, OUTCOME, OFFLINE)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_log_that_was_cut_short_is_logged_anew(tmp_path: Path, share: float):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    (log,) = tmp_path.glob("wandb/*-0007/*.wandb")
    log.write_bytes(log.read_bytes()[: int(share * log.stat().st_size)])
    catch_up("wandb", identity, OUTCOME, OFFLINE)
    (run,) = read_offline_runs(tmp_path / "wandb")
    assert run.column("kimg") == [1, 2, 3, 4, 5, 6]
    assert run.summary["outcome"]["reason"] == "finished"


def test_a_row_that_the_log_lacks_is_a_fault_and_one_too_many_is_none(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    history = read_history(identity.folder / HISTORY_NAME)
    assert wandb_fault(identity, history[:3] + history[-1:]) is None
    late = dataclasses.replace(history[1], kimg=7.0)
    fault = wandb_fault(identity, [*history[:-1], late, history[-1]])
    assert fault == "W&B's log lacks the row at 7 kimg"


@pytest.mark.parametrize("tracker", ["jsonl", "none"])
def test_only_what_was_asked_for_is_written(tmp_path: Path, tracker: str):
    identity = identify(tmp_path)
    catch_up(tracker, identity, OUTCOME, OFFLINE)
    assert (identity.folder / HISTORY_NAME).exists() == (tracker == "jsonl")
    assert not (tmp_path / "wandb").exists()


def test_a_history_damaged_in_its_middle_is_left_to_the_doctor(tmp_path: Path):
    identity = identify(tmp_path)
    file = identity.folder / HISTORY_NAME
    tracker = open_tracker("jsonl", identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 2)])
    tracker.close()
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([lines[0], b"{", *lines[1:]]))
    damaged = file.read_bytes()
    catch_up("jsonl", identity, OUTCOME, OFFLINE)
    assert file.read_bytes() == damaged
