"""Read the trials of a study's database, beside a sweep or without one, and copy them."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import optuna

from harness.study.record import StudyRecord
from harness.study.storage import Storage


@contextlib.contextmanager
def opened(storage: Storage, record: StudyRecord) -> Iterator[optuna.Study | None]:
    """Give a study's Optuna study to look at, to the end of the block; None before it has one.

    Args:
        storage: Its database.
        record: What the study says of itself.

    Raises:
        StorageError: If the database cannot be used.
    """
    if not storage.file.exists():
        yield None
        return
    with storage.faults():
        database = storage.open()
        try:
            yield _load(database, record.name)
        finally:
            database.engine.dispose()


def copy_of(
    trials: Sequence[optuna.trial.FrozenTrial],
    *,
    name: str,
    metric: str,
    storage: optuna.storages.InMemoryStorage | None = None,
) -> optuna.Study:
    """Return a study in memory with these trials; nothing done to it reaches the database.

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


def _load(database: optuna.storages.RDBStorage, name: str) -> optuna.Study | None:
    try:
        return optuna.load_study(study_name=name, storage=database)
    except KeyError:
        return None
