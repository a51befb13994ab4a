"""Keep a study's trials in the journal of its folder, for Optuna and for whoever looks on."""

import contextlib
import copy
import warnings
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import optuna
from optuna.pruners import BasePruner
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from harness.core.errors import StorageError, StudyError, first_line
from harness.study.journal import StudyJournal, damaged
from harness.study.record import study_options

# Attributes of trials, beside what an outcome holds.
RETRY_OF = "retry_of"
"""The number of the trial that this one supersedes."""

SUPERSEDED_BY = "superseded_by"
"""The trial that took the place of this one; an outcome's field of this name."""

OVERRIDES = "overrides"
"""Fields of a trial's configuration that its parameters cannot say."""


class TrialStorage(JournalStorage):
    """The trials of one study, all in memory, and in the journal of the study's folder.

    Args:
        folder: The study's folder.
        writes: Whether this process may write, because it has the study's lock; if not, nothing
            is made or changed.

    Raises:
        StorageError: If the journal cannot be read or written, or is damaged.
    """

    def __init__(self, folder: Path, *, writes: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        file = journal_file(folder)
        self._journal = StudyJournal(file, writes=writes)
        self._shown: list[FrozenTrial] | None = None
        try:
            super().__init__(self._journal)
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
            optuna.exceptions.OptunaError,
        ) as error:
            self.close()
            raise damaged(file, f"Optuna cannot take in an operation ({error!r})") from error

    def close(self) -> None:
        """Close the journal; nothing is written any more."""
        self._journal.close()

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Let a block write all that it does together: a crash leaves all of it or nothing."""
        return self._journal.transaction()

    def open_study(self, name: str, pruner: BasePruner | None = None) -> optuna.Study:
        """Return the study that it holds; make it where there is none yet."""
        names = optuna.get_all_study_names(self)
        if names:
            return optuna.load_study(study_name=names[0], storage=self, pruner=pruner)
        return optuna.create_study(
            study_name=name, storage=self, direction="minimize", pruner=pruner
        )

    def open_trial(self, study: optuna.Study, number: int) -> optuna.Trial:
        """Return a trial of a study in this storage, to go on with."""
        study_id = self.get_study_id_from_name(study.study_name)
        return optuna.Trial(study, self.get_trial_id_from_study_id_trial_number(study_id, number))

    @contextlib.contextmanager
    def showing(self, trials: Sequence[FrozenTrial]) -> Iterator[None]:
        """Let the storage seem to hold only some of its trials while a block runs."""
        self._shown = list(trials)
        try:
            yield
        finally:
            self._shown = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials by number, or those that are shown."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        found = [trial for trial in self._shown if states is None or trial.state in states]
        return copy.deepcopy(found) if deepcopy else found


def journal_file(folder: Path) -> Path:
    """Return the file of a study's folder that holds its trials; it need not exist yet."""
    return folder / "optuna.jsonl"


def refuse_database(folder: Path) -> None:
    """Refuse a study whose trials are in the database of an earlier version.

    Raises:
        StudyError: If it has no journal but a database.
    """
    old = folder / "optuna.db"
    if old.exists() and not journal_file(folder).exists():
        raise StudyError(
            f"{old}: an earlier version of the package kept the study's trials in this database; "
            f"this version expects {journal_file(folder).name}. "
            f"`gansweep doctor {study_options(folder)} --repair` makes it from the folders of the "
            f"trials."
        )


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

    Raises:
        StorageError: If one of them is no whole trial.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, study_name=name, direction="minimize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([metric])
    try:
        study.add_trials(trials)
    except (TypeError, ValueError) as error:
        raise StorageError(
            f"{name}: the journal of the study is damaged: it holds a trial that Optuna does not "
            f"take in ({first_line(error)}). Restore it from a copy."
        ) from error
    return study
