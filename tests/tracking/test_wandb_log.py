from pathlib import Path

from harness.tracking.wandb_log import (
    find_runs,
    latest_runs,
    note,
    note_begin,
    note_end,
    noted_end,
    read_notes,
    remove_offline,
    run_address,
)


def folder_of(wandb: Path, name: str) -> Path:
    folder = wandb / name
    folder.mkdir(parents=True)
    (folder / "run-s-0007.wandb").write_bytes(b"log")
    return folder


def test_the_folders_of_a_run_come_in_the_order_they_began(tmp_path: Path):
    names = ["run-20261130_100000-s-0007", "offline-run-20261130_100001-s-0007"]
    names += ["offline-run-20261130_100001-s-0007-1"]
    folders = [folder_of(tmp_path, name) for name in reversed(names)][::-1]
    assert find_runs(tmp_path, "s-0007") == folders
    assert find_runs(tmp_path, "s-000") == []
    assert latest_runs(tmp_path) == {"s-0007": folders[-1]}
    remove_offline(folders)
    assert find_runs(tmp_path, "s-0007") == folders[:1]


def test_their_order_is_counted_and_not_told_by_the_clock(tmp_path: Path):
    late = folder_of(tmp_path, "run-20261130_100000-s-0007")
    note_begin(late, [])
    early = folder_of(tmp_path, "offline-run-20261130_090000-s-0007")  # an hour was given back
    note_begin(early, [late])
    assert find_runs(tmp_path, "s-0007") == [late, early]
    assert latest_runs(tmp_path) == {"s-0007": early}


def test_a_run_on_this_disk_alone_has_no_address(tmp_path: Path):
    folder = folder_of(tmp_path, "run-20261130_100000-s-0007")
    assert run_address(folder) is None
    note(folder, url="https://wandb.example.org/us/mine/runs/s-0007")
    assert run_address(folder) == "https://wandb.example.org/us/mine/runs/s-0007"


def test_an_end_holds_as_long_as_the_log_is_what_was_written(tmp_path: Path):
    folder = folder_of(tmp_path, "offline-run-20261130_100000-s-0007")
    assert noted_end(folder) is None
    note_end(folder, "finished")
    log = folder / "run-s-0007.wandb"
    log.write_bytes(b"log and a footer")
    assert noted_end(folder) == "finished"
    log.write_bytes(b"lo")
    assert noted_end(folder) is None


def test_notes_that_a_crash_cut_are_left_out(tmp_path: Path):
    folder = folder_of(tmp_path, "offline-run-20261130_100000-s-0007")
    note(folder, step=0, row={})
    notes = folder / "given.jsonl"
    notes.write_text(notes.read_text() + '{"step": 1, "ro')
    assert read_notes(folder) == [{"step": 0, "row": {}}]
