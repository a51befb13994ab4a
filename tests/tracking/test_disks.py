"""Track on disks that are full or read-only, for real."""

from pathlib import Path

from harness.core.events import Progressed
from harness.tracking.jsonl_tracker import read_history
from tests.tracking.disks import run_on_disk


def test_a_full_disk_ends_the_history_with_one_message(tmp_path: Path):
    disk = tmp_path / "disk"
    result = run_on_disk(
        disk,
        "size=64k",
        f"""
        from harness.core.errors import StorageError
        from harness.tracking.jsonl_tracker import JsonlTracker, read_history
        from tests.tracking.trainings import *
        path = Path({str(disk)!r}, "trials", "0007", "history.jsonl")
        tracker = JsonlTracker(path)
        said = 0
        try:
            for said in range(10_000):
                tracker.emit(Progressed(float(said), 1.0, 2.0, 0.5, 0.5, 4000.0, 1.0))
        except StorageError as error:
            print(error)
        tracker.close()
        assert len(read_history(path)) == said > 100, said
        """,
    )
    assert result.returncode == 0, result.stderr
    assert (
        "history.jsonl: cannot be written (No space left on device). Free space" in result.stdout
    )


def test_a_read_only_folder_is_one_message(tmp_path: Path):
    disk = tmp_path / "disk"
    result = run_on_disk(
        disk,
        "ro",
        f"""
        from harness.core.errors import StorageError
        from harness.tracking.jsonl_tracker import JsonlTracker
        from pathlib import Path
        try:
            JsonlTracker(Path({str(disk)!r}, "0007", "history.jsonl"))
        except StorageError as error:
            print(error)
        """,
    )
    assert result.returncode == 0, result.stderr
    assert "0007/history.jsonl: cannot be written (Read-only file system)" in result.stdout


def test_a_full_or_read_only_disk_costs_wandb_one_line_and_the_history_nothing(tmp_path: Path):
    for options in ("size=64k", "ro"):
        study = tmp_path / options
        disk = tmp_path / "disk"
        result = run_on_disk(
            disk,
            options,
            f"""
            from tests.tracking.trainings import *
            identity = identify(Path({str(study)!r}), wandb_root=Path({str(disk)!r}))
            tracker = open_tracker("wandb", identity, OFFLINE)
            play(tracker, [start(), *between(identity, 0, 200), complete()])
            tracker.close()
            """,
        )
        assert result.returncode == 0, result.stderr
        (line,) = result.stderr.splitlines()
        assert line.startswith("W&B failed for trial 0007 of study default")
        history = read_history(study / "trials" / "0007" / "history.jsonl")
        assert len([event for event in history if isinstance(event, Progressed)]) == 200
