"""A study under examination: its record, its space, its trainings and its journal."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.option_values import TrackerName
from harness.core.outcome import Outcome
from harness.gan.config.config import GANConfig
from harness.runner.untold_ends import identify
from harness.space.space import SearchSpace
from harness.study.own_folders import BASELINE_PREFIX, TRIALS, name_of, training_folders
from harness.study.record import StudyRecord
from harness.study.repair import StoredStudy, StoredTrial
from harness.tracking.identity import TrialIdentity
from harness.tracking.jsonl_tracker import HISTORY_NAME
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class ExaminedTraining:
    """One training of a study under examination.

    Args:
        name: As an `Entry` has it.
        folder: Its folder.
        number: The trial's number; None for a baseline or a finish.
    """

    name: str
    folder: TrainingFolder
    number: int | None

    @property
    def title(self) -> str:
        """Return what findings about it are called."""
        return self.name if self.number is None else f"trial {self.name}"

    @property
    def is_baseline(self) -> bool:
        """Return whether it is a preset trained beside the search."""
        return self.name.startswith(BASELINE_PREFIX)

    @property
    def history_file(self) -> Path:
        """Return where its history stands."""
        return self.folder.path / HISTORY_NAME

    def config(self) -> GANConfig | None:
        """Return its configuration; None where there is none or it is damaged."""
        with contextlib.suppress(HarnessError):
            return self.folder.read_config()
        return None

    def outcome(self) -> Outcome | None:
        """Return its outcome; None where there is none or it is damaged."""
        with contextlib.suppress(HarnessError):
            return self.folder.read_outcome()
        return None

    def standing(self) -> Outcome | None:
        """Return where it stands; None where that is not known, or the file is damaged."""
        with contextlib.suppress(HarnessError):
            return self.folder.read_standing()
        return None


@dataclasses.dataclass(frozen=True)
class Examined:
    """A study under examination, as all checks share it.

    Args:
        folder: The study's folder; its lock is held where it is mended.
        record: What the study says of itself.
        space: What it searches.
        stored: Its trials in Optuna.
        tracker: What it was tracked by: a `TrackerName`.
    """

    folder: Path
    record: StudyRecord
    space: SearchSpace
    stored: StoredStudy
    tracker: TrackerName

    def trainings(self) -> Iterator[ExaminedTraining]:
        """Yield every trial, finish and baseline that has a folder, each by their names."""
        for path in training_folders(self.folder):
            number = int(path.name) if path.parent.name == TRIALS else None
            yield ExaminedTraining(name_of(path), TrainingFolder(path), number)

    def trial(self, number: int) -> ExaminedTraining:
        """Return the trial of a number, whether it has a folder or not."""
        folder = TrainingFolder(self.folder / TRIALS / f"{number:04d}")
        return ExaminedTraining(f"{number:04d}", folder, number)

    def stored_trials(self) -> dict[int, StoredTrial]:
        """Return what Optuna knows, by number."""
        return {trial.number: trial for trial in self.stored.trials()}

    def identity(self, training: ExaminedTraining, config: GANConfig) -> TrialIdentity:
        """Return the identity that trackers got of a training when the sweep opened them."""
        folder = training.folder.path
        return identify(self.record, self.space, name=training.name, folder=folder, config=config)
