"""Damage a study's journal as a crash or an accident would."""

import json
from pathlib import Path

from harness.study.trial_storage import journal_file, open_read_only

_SET_STATE, _SET_ATTRIBUTE = 6, 8
"""Optuna's numbers for what an operation in a journal does."""


def forget_the_ends(folder: Path, *numbers: int, attributes: bool = False) -> None:
    """Leave trials in Optuna as a process leaves them that dies before it can tell their end.

    Args:
        folder: The study's folder.
        numbers: The trials.
        attributes: Whether their attributes are lost, too.
    """
    kept = []
    for line in journal_file(folder).read_text().splitlines():
        log = json.loads(line)
        log.pop("remaining", None)  # each line is a transaction of its own now
        mine = log.get("trial_id") in numbers
        ends = log["op_code"] == _SET_STATE and log["state"] > 0
        if not (mine and (ends or (attributes and log["op_code"] == _SET_ATTRIBUTE))):
            kept.append(json.dumps(log) + "\n")
    journal_file(folder).write_text("".join(kept))


def states(folder: Path) -> list[str]:
    """Return the states of a study's trials in Optuna, by number."""
    study = open_read_only(folder)
    return [] if study is None else [trial.state.name for trial in study.get_trials()]
