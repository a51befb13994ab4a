"""Read what Optuna holds of a study, beside a sweep or without one, and copy its trials."""

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna

from harness.study.record import StudyRecord
from harness.study.storage import (
    TrialStorage,
    journal_file,
    refuse_old_database,
    storage_faults,
)


def load_study(folder: Path, record: StudyRecord) -> optuna.Study | None:
    """Return a study's Optuna study to look at; None before it has one. Nothing is written.

    Args:
        folder: The study's folder; a sweep may be running on it.
        record: What the study says of itself.

    Raises:
        StudyError: If an earlier version kept the study in a database.
        StorageError: If the journal cannot be used.
    """
    refuse_old_database(folder)
    if not journal_file(folder).exists():
        return None
    with storage_faults(folder), contextlib.suppress(KeyError):
        storage = TrialStorage(folder, writes=False)
        return optuna.load_study(study_name=record.name, storage=storage)
    return None


def copy_of(
    trials: Sequence[optuna.trial.FrozenTrial],
    *,
    name: str,
    metric: str,
    storage: optuna.storages.InMemoryStorage | None = None,
) -> optuna.Study:
    """Return a study in memory with these trials; nothing done to it reaches the journal.

    Args:
        trials: In the order of their numbers.
        name: What the copy is called.
        metric: What the value of its trials is called.
        storage: Where the copy is kept; None for one of its own.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, study_name=name, direction="minimize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([metric])
    study.add_trials(trials)
    return study
