"""Decide which networks of ended trials stay on disk, and measure what a study takes there."""

import contextlib
import os
import stat
from pathlib import Path

from harness.core.option_values import Keep
from harness.core.outcome import Outcome, State
from harness.study.leaderboard import read_entries, winner
from harness.training.training_folder import TrainingFolder


class Retention:
    """The rule by which networks of ended trials are kept or removed, as soon as they end.

    `all` keeps generator and discriminator of every trial that was scored, and the checkpoint of
    those that completed, from which they can be trained on. `best` keeps these files of the best
    completed trial alone, `none` of no trial. Configurations, histories, outcomes and grids always
    stay, as does everything about baselines; checkpoints of pruned and failed trials never do.

    Args:
        keep: Which.
        study_folder: The study; what ended there before is brought in line at once.
    """

    def __init__(self, keep: Keep, study_folder: Path) -> None:
        self._keep = keep
        self._best: tuple[float, str, TrainingFolder] | None = None
        if keep == "all":
            return
        entries = [entry for entry in read_entries(study_folder) if not entry.is_baseline]
        best = winner(entries)
        for entry in entries:
            if entry is not best:
                entry.folder.remove_networks()
        if best is not None:
            self.note(best.name, best.folder, best.outcome)

    def note(self, name: str, folder: TrainingFolder, outcome: Outcome) -> None:
        """Take in that a trial ended."""
        if self._keep == "all":
            return
        score = outcome.final or outcome.best
        if self._keep == "none" or outcome.state is not State.COMPLETE or score is None:
            folder.remove_networks()
            return
        found = (score.value, name, folder)
        if self._best is not None and self._best[:2] < found[:2]:
            folder.remove_networks()
            return
        if self._best is not None and self._best[1] != name:
            self._best[2].remove_networks()
        self._best = found


def disk_use(folder: Path) -> int:
    """Return how many bytes the files below a folder hold."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # a sweep may be at work there
                found = Path(root, name).lstat()
                total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total
