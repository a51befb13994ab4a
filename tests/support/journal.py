"""Read and change what Optuna keeps of a study, as a test needs it."""

import json
from pathlib import Path

from optuna.trial import FrozenTrial

from harness.study.read_only import load_study
from harness.study.record import read_study
from harness.study.storage import journal_file

_STATE_CHANGE = 6
"""Number of the operation that changes a trial's state, in Optuna's journal."""

_USER_ATTRIBUTE = 8


def read_trials(folder: Path) -> list[FrozenTrial]:
    """Return all trials of a study by number, without a change to it."""
    study = load_study(folder, read_study(folder))
    return study.get_trials() if study else []


def read_states(folder: Path) -> list[str]:
    """Return the state of every trial by number."""
    return [trial.state.name for trial in read_trials(folder)]


def forget_ends(folder: Path, *numbers: int, attributes: bool = False) -> None:
    """Leave trials in Optuna as a process leaves them that dies before it can tell their end."""
    file = journal_file(folder)
    kept = []
    for line in file.read_text().splitlines():
        log = json.loads(line)
        del_end = log["op_code"] == _STATE_CHANGE and log["state"] not in (0, 4)
        del_attribute = attributes and log["op_code"] == _USER_ATTRIBUTE
        if not ((del_end or del_attribute) and log["trial_id"] in numbers):
            log.pop("remaining", None)  # each line is a transaction of its own now
            kept.append(json.dumps(log))
    file.write_text("".join(f"{line}\n" for line in kept))
