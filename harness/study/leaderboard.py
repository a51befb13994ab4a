"""Rank the trials of a study from its folder alone, the place where the truth stands."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import StudyError
from harness.core.outcome import Outcome, State
from harness.core.score import Score, require_comparable
from harness.gan.config.config import GANConfig
from harness.training.training_folder import TrainingFolder

BASELINE_PREFIX = "baseline-"
_ORDER = {State.COMPLETE: 0, State.PRUNED: 1, State.FAILED: 2}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One training that has ended.

    Args:
        name: Trial number with four digits, or `baseline-` and the preset's name.
        folder: Its folder.
        config: What was trained.
        outcome: How it ended.
    """

    name: str
    folder: TrainingFolder
    config: GANConfig
    outcome: Outcome

    @property
    def is_baseline(self) -> bool:
        """Return whether it is a preset trained beside the search."""
        return self.name.startswith(BASELINE_PREFIX)

    @property
    def score(self) -> Score | None:
        """Return the final score, or the best rung score where there is none."""
        return self.outcome.final or self.outcome.best

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "trial": self.name,
            "family": self.config.family,
            "folder": str(self.folder.path),
            "outcome": self.outcome.to_dict(),
            "config": self.config.model_dump(mode="json"),
        }


def read_entries(study_folder: Path) -> list[Entry]:
    """Return every ended trial and baseline of a study, in the order of their names."""
    folders = sorted((study_folder / "trials").glob("[0-9]*"))
    folders += sorted((study_folder / "baselines").glob("*"))
    entries = []
    for path in folders:
        folder = TrainingFolder(path)
        outcome, config = folder.read_outcome(), folder.read_config()
        if outcome is not None and config is not None:
            is_baseline = path.parent.name == "baselines"
            name = f"{BASELINE_PREFIX}{path.name}" if is_baseline else path.name
            entries.append(Entry(name, folder, config, outcome))
    return entries


def rank(entries: list[Entry]) -> list[Entry]:
    """Return the entries best first: completed ones by final FID, then pruned, then failed.

    Pruned trials never reached the last rung; among them, whoever came further stands higher.

    Raises:
        ProtocolMismatchError: If two scores were measured differently.
    """
    require_comparable(entry.score for entry in entries if entry.score)

    def key(entry: Entry) -> tuple[int, float, float, str]:
        state = entry.outcome.state
        reached = 0.0 if state is State.COMPLETE else -entry.outcome.kimg
        value = entry.score.value if entry.score else math.inf
        return _ORDER[state], reached, value, entry.name

    return sorted(entries, key=key)


def winner(entries: list[Entry]) -> Entry | None:
    """Return the completed trial with the lowest final FID; baselines do not compete."""
    completed = [
        entry
        for entry in rank(entries)
        if entry.outcome.state is State.COMPLETE and not entry.is_baseline
    ]
    return completed[0] if completed else None


_PLACES = 2
"""Ranks by single judges that lie further apart than this are said."""


def disagreements(finals: Mapping[str, Score]) -> dict[str, str]:
    """Return the trials that the judges of a panel place further apart than two ranks.

    Args:
        finals: Final score of each completed trial, by name.

    Returns:
        By name e.g. `0012: rank 1 by fashion_cnn (0.712), 4 by fashion_turns (0.934)`.
    """
    judges = (
        [member.protocol.extractor for member in next(iter(finals.values())).members]
        if finals
        else []
    )
    places: dict[str, list[tuple[int, str]]] = {name: [] for name in finals}
    for k, judge in enumerate(judges):
        values = {name: final.members[k].value for name, final in finals.items()}
        for place, name in enumerate(sorted(values, key=values.__getitem__), start=1):
            places[name].append((place, f"{place} by {judge} ({values[name]:.3f})"))
    return {
        name: f"{name}: rank {', '.join(text for _, text in said)}"
        for name, said in places.items()
        if said and max(said)[0] - min(said)[0] > _PLACES
    }


def find_entry(study_folder: Path, trial: int | None = None) -> Entry:
    """Return one trial of a study: the given number, or the winner.

    Raises:
        StudyError: If the study has no such trial, or none that completed.
    """
    entries = read_entries(study_folder)
    if trial is None:
        best = winner(entries)
        if best is None:
            raise StudyError(
                f"{study_folder}: no trial has completed yet ({len(entries)} ended). Let the "
                f"sweep go on, or name a trial with --trial."
            )
        return best
    for entry in entries:
        if entry.name == f"{trial:04d}":
            return entry
    names = ", ".join(entry.name for entry in entries if not entry.is_baseline) or "none"
    raise StudyError(f"{study_folder}: has no ended trial {trial}; ended trials: {names}.")
