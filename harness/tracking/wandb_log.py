"""Find the folders in which W&B keeps its runs, and note in each what its run was given.

W&B has no public reader of its own logs that is quick enough to ask about every training, so a
file of ours lies beside each log: a JSON object a line. A row is noted before it is logged, and
the end after W&B has written it.
"""

import contextlib
import dataclasses
import fnmatch
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import StorageError
from harness.core.files import inside

# A row of progress carries the first, a row of a rung the second; one row may carry both.
PROGRESS_KEY = "generator_loss"
RUNG_KEY = "rung"
RUNG_KIMG_KEY = "rung_kimg"
"""Where a rung was to be scored; `kimg` is where it was: at the end of a batch, perhaps later."""

_NOTES = "given.jsonl"
_SEGMENT = "segment"
_ADDRESS = re.compile(r"https?://[^\s()<>\[\]]+")
_MOST_BYTES = 64 * 2**20
_MOST_LOG_BYTES = 512 * 2**20
"""What notes and W&B's log of a run may take to be looked at."""


@dataclasses.dataclass
class Logged:
    """The rows of a W&B run so far.

    Args:
        next_step: The first W&B step not taken yet.
        progress: The `kimg` of each row of progress.
        rungs: The planned `kimg` of each rung.
    """

    next_step: int = 0
    progress: set[float] = dataclasses.field(default_factory=set)
    rungs: set[float] = dataclasses.field(default_factory=set)

    def holds(self, kimg: float, *, is_rung: bool) -> bool:
        """Return whether rows have come as far as this."""
        return kimg <= max(self.rungs if is_rung else self.progress, default=-math.inf)

    def add(self, row: dict[str, Any]) -> None:
        """Count one more row."""
        if PROGRESS_KEY in row:
            self.progress.add(row["kimg"])
        if RUNG_KEY in row:
            self.rungs.add(row[RUNG_KIMG_KEY])


def find_runs(wandb_folder: Path, run_id: str) -> list[Path]:
    """Return the folders of a run, the oldest first; W&B makes one at each resumption."""
    # `offline-run-20261122_101500-<id>/run-<id>.wandb`, without the prefix when online; two
    # within a second end in `-1`, `-2`, hence the second star.
    if wandb_folder.is_symlink():
        return []
    files = wandb_folder.glob(f"*run-*-{run_id}*/run-{run_id}.wandb")
    return _in_order(file.parent for file in files)


def latest_runs(wandb_folder: Path) -> dict[str, Path]:
    """Return the newest folder of every run by its id, from one look at the disk."""
    if wandb_folder.is_symlink():
        return {}
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(wandb_folder) as entries:
        for each in entries:
            if "run-" in each.name and each.is_dir(follow_symlinks=False):
                with os.scandir(each) as files:
                    for name in fnmatch.filter((file.name for file in files), "run-*.wandb"):
                        run_id = name.removeprefix("run-").removesuffix(".wandb")
                        found.setdefault(run_id, []).append(Path(each))
    return {run_id: _in_order(folders)[-1] for run_id, folders in found.items()}


def note_begin(folder: Path, earlier: Sequence[Path]) -> None:
    """Note that a run's folder comes after these; the names say what the clock showed then."""
    note(folder, **{_SEGMENT: 1 + max(map(_segment, earlier), default=0)})


def is_offline(folder: Path) -> bool:
    """Return whether a run's folder is all there is of it: no server has it."""
    return folder.name.startswith("offline-")


def remove_offline(folders: Iterable[Path]) -> None:
    """Remove logs whose rows are logged anew from the history; those of online runs stay.

    Raises:
        StorageError: If one cannot be removed.
    """
    for folder in filter(is_offline, folders):
        shutil.rmtree(folder, ignore_errors=True)  # a service that was left alone may write there
        if any(folder.glob("*.wandb")):
            raise StorageError(f"{folder}: cannot be removed. Check its permissions.")


def note(folder: Path, **what: Any) -> None:
    """Add a line to the notes of a run's folder.

    Raises:
        OSError: If it cannot be written.
    """
    with (folder / _NOTES).open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def note_row(folder: Path, row: dict[str, Any], step: int) -> None:
    """Note a row that is about to be logged."""
    kept = {key: row[key] for key in ("kimg", PROGRESS_KEY, RUNG_KEY, RUNG_KIMG_KEY) if key in row}
    note(folder, step=step, row=kept)


def note_end(folder: Path, end: str) -> None:
    """Note how a run ended, and the log that W&B has written of it."""
    content = _log_of(folder).read_bytes()
    note(folder, end=end, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def read_notes(folder: Path) -> list[dict[str, Any]]:
    """Return the notes of a run's folder; what a crash cut short, or kept from it, is left out."""
    notes: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, StorageError, TypeError, ValueError, RecursionError):
        file = inside(folder, _NOTES, most_bytes=_MOST_BYTES)
        for line in file.read_text(encoding="utf-8").splitlines() if file else ():
            notes.append(dict(json.loads(line)))
    return notes


def rows_given(folders: Iterable[Path], before: float = math.inf) -> Logged:
    """Return what a run was given in these of its folders, before a step."""
    logged = Logged()
    for folder in folders:
        for each in read_notes(folder):
            if "step" in each and each["step"] < before:
                logged.next_step = max(logged.next_step, each["step"] + 1)
                logged.add(each["row"])
    return logged


def noted_end(folder: Path) -> str | None:
    """Return how a run ended; None where it did not, or its log is another than W&B wrote."""
    last: dict[str, Any] = next(reversed(read_notes(folder)), {})
    size = last.get("size")
    if "end" not in last or not isinstance(size, int) or not 0 <= size <= _MOST_LOG_BYTES:
        return None
    try:
        log = inside(folder, _log_of(folder).name, most_bytes=_MOST_LOG_BYTES)
    except StorageError:
        return None
    content = log.read_bytes()[:size] if log else b""
    return last["end"] if hashlib.sha256(content).hexdigest() == last.get("sha256") else None


def has_end(folder: Path, end: str) -> bool:
    """Return whether a run ended so and its log is as long as W&B wrote it, by a quick look."""
    last: dict[str, Any] = {}
    with contextlib.suppress(OSError, StorageError, TypeError, ValueError, RecursionError):
        file = inside(folder, _NOTES, most_bytes=_MOST_BYTES)
        content = file.read_bytes() if file else b""
        last = dict(json.loads(content.rstrip(b"\n").rpartition(b"\n")[2]))
    size = last.get("size")
    if last.get("end") != end or not isinstance(size, int):
        return False
    return _log_of(folder).stat().st_size >= size


def run_address(folder: Path) -> str | None:
    """Return where a browser finds a run; None for one that is on this disk alone."""
    found = (str(each.get("url")) for each in read_notes(folder))
    return next(filter(_ADDRESS.fullmatch, found), None)


def _log_of(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.suffix == ".wandb")


def _in_order(folders: Iterable[Path]) -> list[Path]:
    """Return the folders of one run in the order they were made, whatever the clock showed."""
    listed = list(folders)
    return sorted(listed, key=_start) if len(listed) > 1 else listed


def _start(folder: Path) -> tuple[int, str, int, str]:
    name = folder.name
    start = name.removeprefix("offline-").removeprefix("run-").split("-", 1)[0]
    return _segment(folder), start, len(name), name


def _segment(folder: Path) -> int:
    """Return the number of a run's folder; 0 where an earlier version made it."""
    found = (each[_SEGMENT] for each in read_notes(folder) if _SEGMENT in each)
    return next(found, 0)
