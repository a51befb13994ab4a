"""Rank the trials of a study from its folder alone, the place where the truth stands."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.durations import format_kimg
from harness.core.errors import ConfigError, StudyError
from harness.core.outcome import Outcome
from harness.core.score import Score, require_same_protocol
from harness.gan.config.config import GANConfig
from harness.study.own_folders import BASELINE_PREFIX, name_of, training_folders
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class Entry:
    """One training that has ended, or was scored and has not.

    Args:
        name: Trial number with four digits, with `-finish` behind it where the trial is trained
            on in the end; or `baseline-` and the preset's name.
        folder: Its folder.
        known_config: What was trained; None to read it from the folder when it is asked for.
        outcome: How it ended, or where it stands.
    """

    name: str
    folder: TrainingFolder
    known_config: GANConfig | None
    outcome: Outcome

    @functools.cached_property
    def config(self) -> GANConfig:
        """Return what was trained.

        Raises:
            ConfigError: If the folder's file cannot be read, is gone or damaged.
            StorageError: If it is a link to somewhere else, or no file.
        """
        found = self.known_config or self.folder.read_config()
        if found is None:
            raise ConfigError(f"{self.folder.config_file}: is gone. Restore it from a copy.")
        return found

    @property
    def is_baseline(self) -> bool:
        """Return whether it is a preset trained beside the search."""
        return self.name.startswith(BASELINE_PREFIX)

    @property
    def is_trial(self) -> bool:
        """Return whether it is a trial of the search, neither a baseline nor a finish."""
        return self.name.isdigit()

    @property
    def score(self) -> Score | None:
        """Return the final score, or the best rung score where there is none."""
        return self.outcome.score

    @property
    def may_go_on(self) -> bool:
        """Return whether it can be trained further from where it stands."""
        return not self.outcome.is_ended or self.folder.checkpoint_file.exists()

    @property
    def stands(self) -> str:
        """Return where its kept generator stands, e.g. `at 25 kimg; it may go on`."""
        kimg = self.score.kimg if self.score else self.outcome.kimg
        return f"at {format_kimg(kimg)} kimg{'; it may go on' if self.may_go_on else ''}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "trial": self.name,
            "family": self.config.family,
            "folder": str(self.folder.path),
            "kept_kimg": self.score.kimg if self.score else None,
            "may_go_on": self.may_go_on,
            "outcome": self.outcome.to_dict(),
            "config": self.config.model_dump(mode="json"),
        }


def read_entries(study_folder: Path) -> list[Entry]:
    """Return all trainings that have ended or were scored: trials, finishes, baselines.

    Their configurations are read when they are asked for: those of thousands take half a minute.
    """
    entries = []
    for path in training_folders(study_folder):
        folder = TrainingFolder(path)
        outcome = folder.read_outcome() or folder.read_standing()
        if outcome is not None and folder.config_file.exists():
            entries.append(Entry(name_of(path), folder, None, outcome))
    return entries


def place_of(outcome: Outcome, name: str) -> tuple[bool, int, float, float, str]:
    """Return what trainings are ranked by, the best first: their kept generators, then names.

    A training's state does not count, but what was found faulty comes behind everything else, what
    a first rung scored on fewer images behind what was scored in full, and what was never scored
    by how far it came.
    """
    score = outcome.score
    images, value = (score.protocol.num_images, score.value) if score else (0, math.inf)
    return not outcome.competes, -images, value, -outcome.kimg, name


def rank(entries: list[Entry]) -> list[Entry]:
    """Return the entries best first.

    Raises:
        ProtocolMismatchError: If two scores were measured differently, but for the fewer images
            of a first rung.
    """
    scores = [entry.score for entry in entries if entry.score]
    require_same_protocol(dataclasses.replace(s.protocol, num_images=0) for s in scores)
    return sorted(entries, key=lambda entry: place_of(entry.outcome, entry.name))


def winner(entries: list[Entry]) -> Entry | None:
    """Return the trial with the best kept generator, whatever its state; baselines never win."""
    competing = (e for e in rank(entries) if e.outcome.competes and not e.is_baseline)
    return next(competing, None)


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
        StudyError: If the study has no such trial, or none that was scored and not found faulty.
    """
    entries = read_entries(study_folder)
    if trial is None:
        best = winner(entries)
        if best is None:
            ended = sum(entry.outcome.is_ended for entry in entries)
            raise StudyError(
                f"{study_folder}: no trial has a sound generator yet ({ended} ended); a trial "
                f"keeps one from its first rung on. Let the sweep go on, or name a trial with "
                f"--trial."
            )
        return best
    for entry in entries:
        if entry.name == f"{trial:04d}":
            return entry
    names = ", ".join(entry.name for entry in entries if not entry.is_baseline) or "none"
    raise StudyError(
        f"{study_folder}: has no trial {trial} that has ended or was scored; such trials: {names}."
    )
