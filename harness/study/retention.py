"""Decide which networks of ended trials stay on disk, and measure what a study takes there."""

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from harness.core.option_values import Keep
from harness.core.outcome import State
from harness.study.leaderboard import Entry, place_of

_LEADERS = 2
"""So many trials can be trained on, whatever ended them, where nothing else is asked for."""


class Retention:
    """The rule by which networks of ended trials are kept or removed, as soon as they end.

    `all` keeps generator and discriminator of every trial that was scored, and the checkpoint,
    from which it can be trained on, of those that completed and of the leaders. `best` keeps these
    files of the best trial alone, `none` of no trial. Configurations, histories, outcomes and
    grids always stay, as does everything about baselines, about finishes and about trials that
    have not ended.

    Args:
        keep: Which.
        entries: The study's; what ended before is brought in line at once.
        leaders: How many leaders a finish goes on from: so many keep everything in any case.
    """

    def __init__(self, keep: Keep, entries: Iterable[Entry], *, leaders: int = 0) -> None:
        self._keep = keep
        self._most = max(leaders, {"all": _LEADERS, "best": 1, "none": 0}[keep])
        self._leaders: list[Entry] = []
        for entry in entries:
            if entry.outcome.is_ended and entry.is_trial:
                self.note(entry)

    def note(self, entry: Entry) -> None:
        """Take in that a trial ended; one may be told twice."""
        found = {each.name: each for each in (*self._leaders, entry)}
        ranked = sorted(found.values(), key=lambda each: place_of(each.outcome, each.name))
        led = [each for each in ranked if each.outcome.competes][: self._most]
        for each in ranked:
            if each not in led:
                self._remove(each)
        self._leaders = led

    def _remove(self, entry: Entry) -> None:
        if self._keep != "all":
            entry.folder.remove_networks()
        elif entry.outcome.state is not State.COMPLETE:
            entry.folder.checkpoint_file.unlink(missing_ok=True)


def disk_use(folder: Path) -> int:
    """Return how many bytes the files below a folder hold."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # a sweep may be at work there
                found = Path(root, name).lstat()
                total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total
