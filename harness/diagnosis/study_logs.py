"""Find where histories and W&B's logs fall short of what the folders of a study say."""

import functools
from collections.abc import Iterator

from harness.core.errors import HarnessError, StorageError
from harness.core.events import Event, Finished, RungScored
from harness.core.outcome import Outcome
from harness.diagnosis.examined import Examined, ExaminedTraining
from harness.diagnosis.finding import Finding, Level
from harness.tracking.catch_up import replay_to_wandb, tell_end, wandb_fault
from harness.tracking.identity import TrackerOptions
from harness.tracking.jsonl_tracker import ends_cleanly, read_history, rewrite_history
from harness.tracking.wandb_mode import wandb_mode


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
            mend = functools.partial(_replay, study, training)
            yield Finding(training.title, Level.WARN, fault, mend)


def _history(training: ExaminedTraining) -> Iterator[Finding]:
    file, outcome = training.history_file, training.outcome()
    if not file.exists():
        if outcome is not None:
            yield Finding(
                training.title,
                Level.WARN,
                f"{file} is missing: its course is lost, its outcome stands",
                functools.partial(rewrite_history, file, [Finished(outcome)]),
            )
        return
    try:
        events = read_history(file)
    except HarnessError as error:
        yield Finding(training.title, Level.FAIL, str(error))
        return
    if not ends_cleanly(file):
        yield Finding(
            training.title,
            Level.FAIL,
            f"{file} ends in half a line, cut by a crash; {len(events)} events are whole",
            functools.partial(_trim, training),
        )
    ends = [event.outcome for event in events if isinstance(event, Finished)]
    if outcome is not None and ends != [outcome]:
        yield Finding(
            training.title,
            Level.FAIL,
            f"{file} does not tell the end that outcome.json does ({outcome.reason.value})",
            functools.partial(_finish, training, outcome),
        )
    yield from _grids(training, events)


def _grids(training: ExaminedTraining, events: list[Event]) -> Iterator[Finding]:
    for event in events:
        if isinstance(event, RungScored) and event.grid:
            path = training.folder.path / event.grid
            if not path.is_file():
                message = f"{path} is missing: the picture of {event.kimg:g} kimg is lost"
                yield Finding(training.title, Level.WARN, message)


def _trim(training: ExaminedTraining) -> None:
    rewrite_history(training.history_file, read_history(training.history_file))


def _finish(training: ExaminedTraining, outcome: Outcome) -> None:
    events = read_history(training.history_file)
    rewrite_history(training.history_file, tell_end(events, outcome))


def _replay(study: Examined, training: ExaminedTraining) -> None:
    config = training.config()
    if config is None:
        return
    identity = study.identity(training, config)
    history = read_history(training.history_file)
    replay_to_wandb(identity, history, TrackerOptions())
    left = wandb_fault(identity, history)
    if left is not None:
        raise StorageError(f"{training.title}: after a replay, still: {left}.")
