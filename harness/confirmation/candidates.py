"""Choose the candidates of a confirmation, and name and describe their trainings."""

import dataclasses
import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from harness.confirmation.racing import Values
from harness.core.errors import ConfigError, StudyError
from harness.core.outcome import Outcome, State
from harness.core.score import Protocol, Score
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry, rank, read_entries
from harness.study.own_folders import CONFIRMATION, retraining_folders
from harness.study.record import StudyRecord
from harness.training.training_folder import TrainingFolder

Outcomes = Mapping[tuple[str, int], Outcome]
"""How trainings ended, by trial and seed index."""


@dataclasses.dataclass(frozen=True)
class Retraining:
    """One training of a candidate with a new seed.

    Args:
        trial: The candidate's name, e.g. `0008`.
        index: Which of its new seeds, from 0.
        config: The candidate's configuration with that seed.
        folder: Where it is trained.
    """

    trial: str
    index: int
    config: GANConfig
    folder: TrainingFolder

    @property
    def key(self) -> tuple[str, int]:
        """Return trial and seed index."""
        return self.trial, self.index

    @property
    def name(self) -> str:
        """Return what it is called, e.g. `0008-s0`."""
        return self.folder.path.name


def count_retrained(study_folder: Path) -> dict[str, int]:
    """Return how many seeds of each trial were trained before, whatever was asked for then."""
    counts: dict[str, int] = {}
    for path in retraining_folders(study_folder):
        trial, _, index = path.name.partition("-s")
        if TrainingFolder(path).outcome_file.exists():
            counts[trial] = max(counts.get(trial, 0), int(index) + 1)
    return counts


def choose_candidates(study_folder: Path, top: int, also: Container[str] = ()) -> list[Entry]:
    """Return the completed trials with the lowest final scores, best first.

    Args:
        study_folder: An existing study.
        top: How many; a study with fewer gives what it has.
        also: Names of further trials to return.

    Raises:
        ConfigError: If `top` is below 1.
        StudyError: If no trial has completed.
    """
    if top < 1:
        raise ConfigError(f"--top: expected at least 1; received {top}.")
    entries = read_entries(study_folder)
    completed = [
        entry for entry in rank(entries) if entry.outcome.final is not None and entry.is_trial
    ]
    if not completed:
        ended = sum(entry.outcome.is_ended for entry in entries)
        raise StudyError(
            f"{study_folder}: no trial has completed yet ({ended} ended), so there is "
            f"nothing to confirm. Let the sweep go on: gansweep sweep."
        )
    return completed[:top] + [entry for entry in completed[top:] if entry.name in also]


def retrainings(
    study_folder: Path, record: StudyRecord, candidates: Sequence[Entry], *, seeds: int
) -> list[Retraining]:
    """Return what may have to be trained, candidate by candidate.

    A seed is a function of the study's seed, the trial and its index, so more candidates or seeds
    leave those of before as they were.

    Args:
        study_folder: The study.
        record: Its record.
        candidates: Its leaders.
        seeds: How many new seeds each.

    Raises:
        ConfigError: If `seeds` is below 1.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds: expected at least 1; received {seeds}.")
    return [
        Retraining(
            trial=entry.name,
            index=index,
            config=entry.config.model_copy(
                update={"seed": derive_seed(record.seed, int(entry.name), "confirm", index)}
            ),
            folder=TrainingFolder(study_folder / CONFIRMATION / f"{entry.name}-s{index}"),
        )
        for entry in candidates
        for index in range(seeds)
    ]


def score_on_test(outcome: Outcome, protocol: Protocol) -> Score | None:
    """Return a training's score on the test split by one protocol; None if it has none."""
    return next((score for score in outcome.tests if score.protocol == protocol), None)


def race_values(planned: Sequence[Retraining], outcomes: Outcomes, protocol: Protocol) -> Values:
    """Return what a race is decided by: scores on the validation split, infinity for a failure.

    The test split judges what is chosen, so it has no part in choosing. A training without a score
    on it has not ended: that score is owed.

    Args:
        planned: What `retrainings` returned.
        outcomes: How those of them ended that have.
        protocol: What test scores are measured by; those of others do not count.
    """
    values: dict[str, list[float | None]] = {}
    for each in planned:
        outcome = outcomes.get(each.key)
        value = None
        if outcome is not None and outcome.state is not State.COMPLETE:
            value = math.inf
        elif outcome is not None and outcome.final and score_on_test(outcome, protocol):
            value = outcome.final.value
        values.setdefault(each.trial, []).append(value)
    return values
