"""Read the trials of a study beside a sweep or without one, and copy them."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna

from harness.study.trial_storage import TrialStorage, journal_file, refuse_database


def open_read_only(folder: Path) -> optuna.Study | None:
    """Return a study's Optuna study as it is now, to look at; None before it has one.

    Whatever would change it is refused, and the folder stays as it is.

    Args:
        folder: The study's folder; a sweep may be running on it.

    Raises:
        StudyError: If an earlier version of the package kept its trials in a database.
        StorageError: If the journal cannot be read or is damaged.
    """
    refuse_database(folder)
    if not journal_file(folder).exists():
        return None
    storage = TrialStorage(folder, writes=False)
    names = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=names[0], storage=storage) if names else None


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
