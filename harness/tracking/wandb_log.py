"""Read the logs that W&B keeps on disk, with W&B's own reader."""

import dataclasses
import functools
import json
import math
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.core.errors import StorageError
from harness.tracking.tracker import TrialIdentity

# A row of progress carries the first, a row of a rung the second; one row may carry both.
PROGRESS_KEY = "generator_loss"
RUNG_KEY = "rung"
RUNG_KIMG_KEY = "rung_kimg"
"""Where a rung was to be scored; `kimg` is where it was: at the end of a batch, perhaps later."""


@dataclasses.dataclass
class Logged:
    """Say how far the W&B run of a training has come.

    Args:
        next_step: The first W&B step not taken yet.
        progress_kimg: Highest `kimg` of a row of progress.
        rung_kimg: Highest place of a rung, as it was planned.
    """

    next_step: int = 0
    progress_kimg: float = -math.inf
    rung_kimg: float = -math.inf

    def add(self, row: dict[str, Any], step: int) -> None:
        """Take one more row into account."""
        self.next_step = max(self.next_step, step + 1)
        if PROGRESS_KEY in row:
            self.progress_kimg = max(self.progress_kimg, row["kimg"])
        if RUNG_KEY in row:
            self.rung_kimg = max(self.rung_kimg, rung_kimg(row))


def rung_kimg(row: dict[str, Any]) -> float:
    """Return where the rung of a row was to be scored; older rows say it as their `kimg`."""
    return float(row.get(RUNG_KIMG_KEY, row["kimg"]))


def run_id(identity: TrialIdentity) -> str:
    """Return the W&B run id of a training, the same at every resumption and on every machine."""
    # W&B forbids / \ # ? % : and blanks in ids.
    return re.sub(r"[^A-Za-z0-9_.-]", "-", f"{identity.study_id}-{identity.trial}")


def find_segments(wandb_dir: Path, run_id: str) -> list[Path]:
    """Return the `.wandb` files of a run, the oldest first; W&B begins one at each resumption.

    Args:
        wandb_dir: W&B's folder, named `wandb`.
        run_id: The run.
    """
    # `offline-run-20261122_101500-<id>/run-<id>.wandb`, without the prefix when online; two
    # within a second end in `-1`, `-2`, hence the second star.
    return sorted(wandb_dir.glob(f"*run-*-{run_id}*/run-{run_id}.wandb"), key=_start)


def latest_segments(wandb_dir: Path) -> dict[str, Path]:
    """Return the newest `.wandb` file of every run by its id, from one look at the disk.

    Args:
        wandb_dir: W&B's folder, named `wandb`.
    """
    files = sorted(wandb_dir.glob("*run-*/run-*.wandb"), key=_start)
    return {file.stem.removeprefix("run-"): file for file in files}


def run_address(segment: Path) -> str | None:
    """Return where a browser finds a run; None for one that is on this disk alone.

    Where its log does not name the account, only W&B's server knows the address: None as well.

    Args:
        segment: The newest file of the run.

    Raises:
        StorageError: If W&B's reader refuses it.
    """
    if segment.parent.name.startswith("offline-"):
        return None
    entity, project = _whose(segment)
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").replace("//api.", "//", 1)
    run = segment.stem.removeprefix("run-")
    return f"{server.rstrip('/')}/{entity}/{project}/runs/{run}" if entity and project else None


@functools.lru_cache(maxsize=4096)
def _whose(segment: Path) -> tuple[str, str]:
    """Return the account and the project that a log's header names; empty where it names none."""
    for record in read_records(segment):
        if record["type"] == "run":
            return record["run"].get("entity", ""), record["run"].get("project", "")
    return "", ""


def what_was_logged(wandb_dir: Path, run_id: str) -> Logged:
    """Find out how far a run has come, from what really reached the disk.

    Unlike a note of our own beside the trial, this stays true when a crash took away what W&B
    still held in memory.

    Raises:
        StorageError: If W&B's reader refuses one of the files.
    """
    logged = Logged()
    for segment in find_segments(wandb_dir, run_id):
        for record in read_records(segment):
            if record["type"] == "history":
                row = record["history"]["item"]
                logged.add(row, row["_step"])
    return logged


def wait_until_ended(segment: Path, timeout_seconds: float = 5.0) -> bool:
    """Return whether a run's file has its last record, waiting for it if need be.

    Args:
        segment: The file of a run that was finished.
        timeout_seconds: How long to wait.

    Raises:
        StorageError: If W&B's reader refuses the file.
    """
    deadline = time.monotonic() + timeout_seconds
    while not any(record["type"] == "exit" for record in read_records(segment)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def read_records(segment: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one `.wandb` file; a file cut short yields what is whole.

    Args:
        segment: The file.

    Raises:
        StorageError: If W&B's reader refuses the file.
    """
    from wandb.util import get_core_path

    # What `wandb leet inspect --json` runs, without a second Python around it.
    command = [get_core_path(), "leet", "inspect", "--no-observability", "--json"]
    command += ["--run-file", str(segment), str(segment.parent.parent)]
    result = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if result.returncode:
        raise StorageError(
            f"{segment}: W&B's reader refuses the file "
            f"({result.stderr.decode(errors='replace').strip()}). "
            f"Move its folder away; history.jsonl in the trial's folder has all it says."
        )
    for line in result.stdout.splitlines():
        yield json.loads(line)


def _start(segment: Path) -> tuple[str, int, str]:
    name = segment.parent.name
    start = name.removeprefix("offline-").removeprefix("run-").split("-", 1)[0]
    return start, len(name), name
