"""Find where Optuna's journal, histories and W&B's logs differ from the trials' folders."""

import contextlib
import functools
from collections.abc import Iterator

from harness.core.errors import HarnessError, StorageError
from harness.core.events import Event, Finished, RungScored, paused_at
from harness.diagnosis.examined import Examined, ExaminedTraining
from harness.diagnosis.finding import Finding, fail, ok, warn
from harness.gan.config.config import GANConfig
from harness.study.repair import StoredTrial
from harness.tracking.catch_up import replay_to_wandb, tell_end, wandb_fault
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.jsonl_tracker import ends_cleanly, read_history, rewrite_history
from harness.tracking.wandb_mode import wandb_mode


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
        kimg = paused_at(_readable_history(training))
        if kimg is None:
            yield ok(training.title, f"interrupted; the next sweep {goes_on}")
        else:
            yield ok(training.title, f"paused at {kimg:g} kimg; it {goes_on} if it is promoted")
    elif outcome is not None and not known.finished:
        yield fail(
            training.title,
            f"has ended ({outcome.reason.value}), but Optuna does not know",
            functools.partial(study.stored.tell, training.number or 0, outcome),
        )
    elif outcome is not None and known.outcome != outcome:
        held = known.outcome.reason.value if known.outcome else "nothing readable"
        yield warn(
            training.title,
            f"outcome.json ({outcome.reason.value}) is not what Optuna holds ({held}); the "
            f"folder counts, and Optuna does not change trials that have ended",
        )


def _without_outcome(training: ExaminedTraining, known: StoredTrial) -> Finding:
    file = training.folder.outcome_file
    if known.outcome is None:
        return fail(
            training.title,
            f"Optuna has closed it, but {file} is missing, and Optuna knows too little to make "
            f"it. Restore it from a copy",
        )
    return fail(
        training.title,
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
            history, before = _readable_history(training), retried.get(training.name)
            mend = functools.partial(
                study.stored.add, number, config, training.outcome(), history, before
            )
            expected += 1
        yield fail(training.title, message, mend)


def _retried(study: Examined) -> dict[str, tuple[int, GANConfig]]:
    """Return the trials that others supersede, by the names of those others."""
    found = {}
    for training in study.trainings():
        config, outcome = training.config(), training.outcome()
        if config and outcome and outcome.superseded_by and training.number is not None:
            found[outcome.superseded_by] = training.number, config
    return found


def _readable_history(training: ExaminedTraining) -> list[Event]:
    with contextlib.suppress(HarnessError):
        return read_history(training.history_file)
    return []


def check_histories(study: Examined) -> Iterator[Finding]:
    """Yield what is wrong with histories; the third stage of a repair."""
    if study.tracker == "none":
        return
    for training in study.trainings():
        yield from _history(training)


def check_wandb_logs(study: Examined) -> Iterator[Finding]:
    """Yield where W&B's logs differ from histories; the last stage of a repair.

    Trainings that have not ended are left to the next sweep, which takes their runs up.
    """
    if study.tracker != "wandb" or wandb_mode(study.folder).mode == "disabled":
        return
    for training in study.trainings():
        config = training.config()
        if training.outcome() is None or config is None:
            continue
        try:
            history = read_history(training.history_file)
        except HarnessError:
            continue  # reported by the stage before
        identity = study.identity(training, config)
        fault = wandb_fault(identity, history)
        if fault is not None:
            mend = functools.partial(_replay, training.title, identity, history)
            yield warn(training.title, fault, mend)


def _history(training: ExaminedTraining) -> Iterator[Finding]:
    file, outcome = training.history_file, training.outcome()
    if not file.exists():
        if outcome is not None:
            yield warn(
                training.title,
                f"{file} is missing: its course is lost, its outcome stands",
                functools.partial(rewrite_history, file, [Finished(outcome)]),
            )
        return
    try:
        events = read_history(file)
    except HarnessError as error:
        yield fail(training.title, str(error))
        return
    if not ends_cleanly(file):
        yield fail(
            training.title,
            f"{file} ends in half a line, cut by a crash; {len(events)} events are whole",
            functools.partial(rewrite_history, file, events),
        )
    ends = [event.outcome for event in events if isinstance(event, Finished)]
    if outcome is not None and ends != [outcome]:
        yield fail(
            training.title,
            f"{file} does not tell the end that outcome.json does ({outcome.reason.value})",
            functools.partial(rewrite_history, file, tell_end(events, outcome)),
        )
    yield from _grids(training, events)


def _grids(training: ExaminedTraining, events: list[Event]) -> Iterator[Finding]:
    for event in events:
        if isinstance(event, RungScored) and event.grid:
            path = training.folder.path / event.grid
            if not path.is_file():
                message = f"{path} is missing: the picture of {event.kimg:g} kimg is lost"
                yield warn(training.title, message)


def _replay(title: str, identity: TrialIdentity, history: list[Event]) -> None:
    replay_to_wandb(identity, history, TrackerOptions())
    left = wandb_fault(identity, history)
    if left is not None:
        raise StorageError(f"{title}: after a replay, still: {left}.")
