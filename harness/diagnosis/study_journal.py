"""Find where Optuna's journal and the folders of the trials disagree."""

import functools
from collections.abc import Iterator

from harness.core.errors import HarnessError
from harness.core.events import Event
from harness.diagnosis.examined import Examined, ExaminedTraining
from harness.diagnosis.finding import Finding, Level, ok
from harness.gan.config.config import GANConfig
from harness.study.repair import StoredTrial
from harness.tracking.jsonl_tracker import read_history


def check_journal(study: Examined) -> Iterator[Finding]:
    """Yield where Optuna and the folders disagree; the second stage of a repair."""
    stored = study.stored_trials()
    for number, known in sorted(stored.items()):
        yield from _compare(study, study.trial(number), known)
    with_folder = [each for each in study.trainings() if each.number not in (None, *stored)]
    yield from _unknown_trials(study, with_folder, first=len(stored))


def _compare(study: Examined, training: ExaminedTraining, known: StoredTrial) -> Iterator[Finding]:
    outcome = training.outcome()
    if outcome is None and known.finished:
        yield _without_outcome(training, known)
    elif outcome is None and not known.queued:
        checkpoint = training.folder.checkpoint_file
        goes_on = "goes on from its checkpoint" if checkpoint.exists() else "begins anew"
        yield ok(training.title, f"interrupted; the next sweep {goes_on}")
    elif outcome is not None and not known.finished:
        yield Finding(
            training.title,
            Level.FAIL,
            f"has ended ({outcome.reason.value}), but Optuna does not know",
            functools.partial(study.stored.tell, training.number or 0, outcome),
        )
    elif outcome is not None and known.outcome != outcome:
        held = known.outcome.reason.value if known.outcome else "nothing readable"
        yield Finding(
            training.title,
            Level.WARN,
            f"outcome.json ({outcome.reason.value}) is not what Optuna holds ({held}); the "
            f"folder counts, and Optuna does not change trials that have ended",
        )


def _without_outcome(training: ExaminedTraining, known: StoredTrial) -> Finding:
    file = training.folder.outcome_file
    if known.outcome is None:
        return Finding(
            training.title,
            Level.FAIL,
            f"Optuna has closed it, but {file} is missing, and Optuna knows too little to make "
            f"it. Restore it from a copy",
        )
    return Finding(
        training.title,
        Level.FAIL,
        f"Optuna has closed it ({known.outcome.reason.value}), but {file} is missing",
        functools.partial(_restore, training, known),
    )


def _restore(training: ExaminedTraining, known: StoredTrial) -> None:
    if known.config is not None and training.config() is None:
        training.folder.write_config(known.config)
    if known.outcome is not None:
        training.folder.write_outcome(known.outcome)


def _unknown_trials(
    study: Examined, trainings: list[ExaminedTraining], *, first: int
) -> Iterator[Finding]:
    """Find trials that only their folders know; Optuna takes them in without gaps."""
    expected, retried = first, _retried(study)
    for training in trainings:
        config, number = training.config(), training.number
        mend = None
        message = "Optuna does not know it: its journal was lost or replaced"
        if config is None:
            message += ", and without a configuration it cannot be added"
        elif number != expected:
            message += f", and trial {expected:04d} before it is lost, so it keeps no number"
        else:
            history, before = _history(training), retried.get(training.name)
            mend = functools.partial(
                study.stored.add, number, config, training.outcome(), history, before
            )
            expected += 1
        yield Finding(training.title, Level.FAIL, message, mend)


def _retried(study: Examined) -> dict[str, tuple[int, GANConfig]]:
    """Return the trials that others supersede, by the names of those others."""
    found = {}
    for training in study.trainings():
        config, outcome = training.config(), training.outcome()
        if config and outcome and outcome.superseded_by and training.number is not None:
            found[outcome.superseded_by] = training.number, config
    return found


def _history(training: ExaminedTraining) -> list[Event]:
    try:
        return read_history(training.history_file)
    except HarnessError:
        return []
