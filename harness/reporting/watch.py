"""Keep a report current while a sweep runs."""

import time
from collections.abc import Callable
from pathlib import Path

from harness.core.locks import is_locked

_PATTERNS = (
    "study.json",
    "export/metrics.json",
    "confirmation/result.json",
    "*/*/config.yaml",
    "*/*/history.jsonl",
    "*/*/outcome.json",
)
_LARGEST_SHARE = 0.05  # of one core: the sweep needs them all


def keep_current(folder: Path, write: Callable[[bool], None], *, every_seconds: float) -> None:
    """Write a report again and again, until no sweep runs on the study any more.

    Args:
        folder: The study.
        write: Writes the report; told whether more is to come.
        every_seconds: The shortest pause between two looks at the study; it grows where writing
            takes long, to leave the machine to the sweep.
    """
    seen: object = None
    while True:
        # Looked at before reading: what changes meanwhile is found the next time.
        found = is_locked(folder), _stamps(folder)
        pause = every_seconds
        if found != seen:
            began = time.monotonic()
            write(found[0])
            pause = max(pause, (time.monotonic() - began) / _LARGEST_SHARE)
            seen = found
        if not found[0]:
            return
        time.sleep(pause)


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file that a report is made of was written, and its size."""
    stamps = {}
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            try:
                found = path.stat()
            except FileNotFoundError:  # replaced at this moment
                continue
            stamps[path] = found.st_mtime_ns, found.st_size
    return stamps
