import dataclasses
import json
import math
import resource
from pathlib import Path

import pytest

from harness.core.errors import StorageError
from harness.core.events import Finished, Progressed, Started
from harness.tracking.jsonl_tracker import JsonlTracker, read_history
from tests.tracking.trainings import between, complete, diverged, identify, play, start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trials" / "0007" / "history.jsonl"


def progress(kimg: float) -> Progressed:
    return Progressed(kimg, 1.0, 2.0, 0.5, 0.5, 3000.0, kimg)


def write(path: Path, *events) -> None:
    tracker = JsonlTracker(path)
    play(tracker, events)
    tracker.close()


def test_returns_the_events_it_was_told(tmp_path: Path, path: Path):
    events = [start(), *between(identify(tmp_path), 0, 6), complete()]
    write(path, *events)
    assert read_history(path) == events
    assert len(path.read_text().splitlines()) == len(events)


def test_every_line_is_on_disk_before_emit_returns(path: Path):
    tracker = JsonlTracker(path)
    tracker.emit(progress(1.0))
    assert json.loads(path.read_text())["kimg"] == 1.0
    tracker.close()


def test_keeps_numbers_that_are_not_finite(path: Path):
    write(path, Progressed(1.0, math.nan, math.inf, 0.5, 0.5, 3000.0, 1.0))
    (event,) = read_history(path)
    assert math.isnan(event.generator_loss)
    assert event.discriminator_loss == math.inf


@pytest.mark.parametrize("tail", [b'{"event": "progressed", "ki', b"\0\0\0\0", b'{"event"}\n'])
def test_drops_what_a_crash_left_half_written(path: Path, tail: bytes):
    write(path, start(), progress(1.0))
    with path.open("ab") as file:
        file.write(tail)
    assert read_history(path) == [start(), progress(1.0)]
    write(path, progress(2.0))
    assert read_history(path) == [start(), progress(1.0), progress(2.0)]
    assert path.read_bytes().count(b"\n") == 3


def test_keeps_a_last_record_that_lacks_only_its_newline(path: Path):
    write(path, start(), progress(1.0))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    write(path, progress(2.0))
    assert read_history(path) == [start(), progress(1.0), progress(2.0)]


def test_started_drops_what_will_be_said_again(path: Path):
    write(path, start(), progress(1.0), progress(2.0), progress(3.0), diverged())
    write(path, start(2.0), progress(3.0))
    assert read_history(path) == [
        start(),
        progress(1.0),
        progress(2.0),
        start(2.0),
        progress(3.0),
    ]


def test_a_rung_said_again_takes_the_place_of_the_first(tmp_path: Path, path: Path):
    # Interrupted between scoring the rung at 2 kimg and saving: the checkpoint stands before it.
    first, second, rung = between(identify(tmp_path), 0, 2)
    again = dataclasses.replace(rung, duration_seconds=9.0)
    write(path, start(), first, second, rung)
    write(path, start(2.0), again)
    assert read_history(path) == [start(), first, second, start(2.0), again]


def test_a_rung_not_said_again_stays(tmp_path: Path, path: Path):
    first, second, rung, third = between(identify(tmp_path), 0, 3)
    write(path, start(), first, second, rung)
    write(path, start(2.0), third)
    assert read_history(path) == [start(), first, second, rung, start(2.0), third]


def test_a_trial_that_begins_anew_has_no_past(path: Path):
    write(path, start(), progress(1.0), complete())
    write(path, start())
    history = read_history(path)
    assert not [event for event in history if isinstance(event, Progressed | Finished)]
    assert all(isinstance(event, Started) for event in history)


def test_opening_alone_changes_nothing(path: Path):
    write(path, start(), progress(1.0), complete())
    before = path.read_bytes()
    JsonlTracker(path).close()
    assert path.read_bytes() == before


def test_a_history_that_was_never_written_is_empty(path: Path):
    assert read_history(path) == []


def test_damage_before_the_end_is_not_passed_over(path: Path):
    write(path, start(), progress(1.0), progress(2.0))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "oops", lines[2]]) + "\n")
    with pytest.raises(StorageError, match=r"history\.jsonl: line 2 is damaged"):
        read_history(path)


def test_a_folder_that_cannot_be_made_is_one_clear_message(tmp_path: Path):
    (tmp_path / "trials").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match=r"cannot be written \(Not a directory\)\. Free space"):
        JsonlTracker(tmp_path / "trials" / "0007" / "history.jsonl")


def test_a_full_disk_is_one_clear_message_and_loses_nothing_before_it(path: Path):
    tracker = JsonlTracker(path)
    play(tracker, [start(), progress(1.0)])
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel takes 20 bytes of the next line and refuses the rest, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(StorageError, match=r"history\.jsonl: cannot be written \("):
            tracker.emit(progress(2.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    tracker.close()
    assert path.stat().st_size == size + 20
    assert read_history(path) == [start(), progress(1.0)]


def test_refuses_events_after_it_was_closed(path: Path):
    tracker = JsonlTracker(path)
    tracker.close()
    with pytest.raises(StorageError, match="received Started after the history was closed"):
        tracker.emit(start())
