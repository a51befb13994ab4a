"""Sum up studies from their folders, to list and compare them."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, StudyError
from harness.core.locks import is_locked
from harness.core.outcome import Outcome
from harness.core.score import Protocol, Score, require_same_protocol
from harness.study.leaderboard import Entry, rank, read_entries, winner
from harness.study.own_folders import trial_folders
from harness.study.record import StudyRecord, find_study, read_study
from harness.study.retention import disk_use


@dataclasses.dataclass(frozen=True)
class StudyOverview:
    """What can be said of a study at a glance.

    Args:
        folder: Its folder.
        record: What it says of itself.
        ranked: Every trial and baseline that has ended or was scored, best first.
        unfinished: Trials that have a folder and no end yet.
        running: Whether a sweep runs on it right now.
        disk_bytes: What its folder holds.
    """

    folder: Path
    record: StudyRecord
    ranked: tuple[Entry, ...]
    unfinished: int
    running: bool
    disk_bytes: int

    @property
    def protocol(self) -> Protocol:
        """Return how its trials are scored."""
        return Protocol(**self.record.protocol)

    @property
    def best(self) -> Entry | None:
        """Return the trial with the best kept generator."""
        return winner(list(self.ranked))

    @property
    def best_score(self) -> Score | None:
        """Return the score of the best trial's kept generator."""
        return self.best.score if self.best else None

    @property
    def counts(self) -> dict[str, int]:
        """Return how many trials are in each state; baselines are left out."""
        found = Counter(outcome.state.value for outcome in self._ended())
        return {state: found[state] for state in ("complete", "pruned", "failed")} | {
            "unfinished": self.unfinished
        }

    @property
    def reasons(self) -> dict[str, int]:
        """Return how many trials ended for each reason, the most frequent first."""
        return dict(Counter(outcome.reason.value for outcome in self._ended()).most_common())

    def _ended(self) -> list[Outcome]:
        found = (entry.outcome for entry in self.ranked if entry.is_trial)
        return [outcome for outcome in found if outcome.is_ended]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "study": self.record.name,
            "folder": str(self.folder),
            "record": dataclasses.asdict(self.record),
            "trials": self.counts,
            "reasons": self.reasons,
            "running": self.running,
            "protocol": self.protocol.name,
            "fingerprint": self.protocol.fingerprint,
            "best_trial": self.best.name if self.best else None,
            "best_score": self.best_score.to_dict() if self.best_score else None,
            "best_may_go_on": self.best.may_go_on if self.best else None,
            "disk_bytes": self.disk_bytes,
        }


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A study that cannot be summed up, and why."""

    name: str
    message: str


def sum_up(folder: Path) -> StudyOverview:
    """Return what can be said of one study.

    Raises:
        HarnessError: If its record, a configuration or an outcome is damaged.
    """
    record = read_study(folder)
    ranked = rank(read_entries(folder))
    if best := winner(ranked):
        _ = best.config  # whoever shows a study shows what its best trial is
    ended = sum(entry.is_trial and entry.outcome.is_ended for entry in ranked)
    return StudyOverview(
        folder=folder,
        record=record,
        ranked=tuple(ranked),
        unfinished=len(trial_folders(folder)) - ended,
        running=is_locked(folder),
        disk_bytes=disk_use(folder),
    )


def sum_up_all(studies_dir: Path) -> list[StudyOverview | Unreadable]:
    """Return every study of a folder by name; a damaged one does not hide the others."""
    found: list[StudyOverview | Unreadable] = []
    for path in sorted(studies_dir.glob("*/study.json")):
        try:
            found.append(sum_up(path.parent))
        except HarnessError as error:
            found.append(Unreadable(path.parent.name, str(error)))
    return found


def compare(studies_dir: Path, names: Sequence[str]) -> list[StudyOverview]:
    """Return studies whose scores may be compared, the best first.

    Raises:
        StudyError: If there are fewer than two, or one does not exist.
        ProtocolMismatchError: If two are scored differently; shows both protocols.
    """
    distinct = list(dict.fromkeys(names))
    if len(distinct) < 2:
        raise StudyError(
            f"compare: expected the names of two studies or more; received {len(distinct)}. "
            f"`gansweep studies list` names them."
        )
    found = [sum_up(find_study(studies_dir, name)) for name in distinct]
    require_same_protocol(each.protocol for each in found)
    return sorted(found, key=lambda each: each.best_score.value if each.best_score else 1e300)
