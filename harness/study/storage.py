"""Open what Optuna keeps of a study, and say in one message what is wrong with it."""

import contextlib
import copy
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from harness.core.errors import StorageError, StudyError, first_line
from harness.study.journal import StudyJournal

# Attributes of trials, beside what an outcome holds.
RETRY_OF = "retry_of"
"""The number of the trial that this one supersedes."""

SUPERSEDED_BY = "superseded_by"
"""The trial that took the place of this one; an outcome's field of this name."""

OVERRIDES = "overrides"
"""Fields of a trial's configuration that its parameters cannot say."""

_NOT_OPTUNAS = (KeyError, ValueError, TypeError, AttributeError, IndexError)
"""What Optuna raises at a line of JSON that is no operation of its own."""


def journal_file(folder: Path) -> Path:
    """Return the file that Optuna keeps the study of a folder in; it need not exist yet."""
    return (folder / "optuna.jsonl").absolute()


def refuse_old_database(folder: Path) -> None:
    """Refuse a study that an earlier version kept in SQLite.

    Raises:
        StudyError: If the folder holds such a database and no journal.
    """
    old = folder / "optuna.db"
    if old.exists() and not journal_file(folder).exists():
        raise StudyError(
            f"{old}: an earlier version kept the study in this database, which is read no more. "
            f"Run gansweep doctor --study {folder.name} --repair, which makes "
            f"{journal_file(folder).name} from the folders of the trials."
        )


class TrialStorage(JournalStorage):
    """Optuna's storage of one study: a journal in the study's folder, its trials in memory.

    Args:
        folder: The study's folder.
        writes: Whether this process is the one that may write; it holds the study's lock then.

    Raises:
        StorageError: If the journal is damaged, as `OSError` if it cannot be read.
    """

    def __init__(self, folder: Path, *, writes: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.journal = StudyJournal(journal_file(folder), writes=writes)
        self._shown: list[FrozenTrial] | None = None
        try:
            super().__init__(self.journal)
        except _NOT_OPTUNAS as error:
            self.journal.close()
            raise StorageError(
                f"{journal_file(folder)}: holds what is no study of Optuna "
                f"({type(error).__name__}: {first_line(error)})."
            ) from error

    def open_study(self, name: str) -> optuna.Study:
        """Return the study of that name, made if there is none.

        Args:
            name: The study's name.
        """
        return optuna.create_study(
            study_name=name, storage=self, direction="minimize", load_if_exists=True
        )

    def open_trial(self, study: optuna.Study, number: int) -> optuna.Trial:
        """Return a trial to go on with.

        Args:
            study: A study in this storage.
            number: The trial's number.
        """
        study_id = self.get_study_id_from_name(study.study_name)
        return optuna.Trial(study, self.get_trial_id_from_study_id_trial_number(study_id, number))

    @contextlib.contextmanager
    def showing(self, trials: Sequence[FrozenTrial] | None) -> Iterator[None]:
        """Let the study seem to hold some trials only, e.g. for a sampler that is asked meanwhile.

        Args:
            trials: What it seems to hold, by number; None for all.
        """
        self._shown = None if trials is None else list(trials)
        try:
            yield
        finally:
            self._shown = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study, or those that it seems to hold."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        found = [each for each in self._shown if states is None or each.state in states]
        return copy.deepcopy(found) if deepcopy else found


def transaction(trial: optuna.Trial) -> contextlib.AbstractContextManager[None]:
    """Return a block whose writes a study's journal gets together, or after a crash not at all.

    Args:
        trial: A trial of the study; one in memory alone has nothing to lose.
    """
    storage = trial.storage
    if isinstance(storage, TrialStorage):
        return storage.journal.transaction()
    return contextlib.nullcontext()


@contextlib.contextmanager
def storage_faults(folder: Path, remedy: str | None = None) -> Iterator[None]:
    """Turn what the journal of a study's folder reports into one clear message.

    Args:
        folder: The study's folder.
        remedy: What to do about it, where that is special.

    Raises:
        StorageError: If the journal cannot be used.
    """
    file = journal_file(folder)
    remedy = remedy or "Free the disk or mend the permissions, then give the same command again."
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{file}: the study's journal cannot be used: {error.strerror or error}. {remedy}"
        ) from error
    except StorageError as error:
        if str(file) not in str(error):
            raise
        raise StorageError(f"{error} {remedy}") from error
