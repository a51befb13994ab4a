"""Say which folders of a study hold trainings, and what in it leads elsewhere.

The only way to a study's trainings: a copy that somebody keeps beside them is none of its trials,
and neither is a link.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import StudyError
from harness.core.files import leads_into
from harness.gan.presets import PRESETS

TRIALS = "trials"
BASELINES = "baselines"
FINISHES = "finish"
"""Folder of the trainings that go on from a study's leaders."""
CONFIRMATION = "confirmation"
"""Folder of a study's confirmation, and of its trainings with new seeds."""

BASELINE_PREFIX = "baseline-"
_FINISH_SUFFIX = "-finish"
_NUMBER = r"[0-9]{4}|[1-9][0-9]{4,}"
_SHOWN = 3
_WANDB_LOG = "wandb/*run-*/logs/debug-core.log"
"""A link that W&B makes to what it logs in the user's cache; nothing reads or writes it here."""


def trial_folders(study_folder: Path) -> list[Path]:
    """Return the folders of a study's trials by number: `NNNN`, themselves and no links."""
    return _real_folders(study_folder / TRIALS, _NUMBER)


def training_folders(study_folder: Path) -> list[Path]:
    """Return the folders of a study's trials, finishes and baselines, each by their names."""
    folders = trial_folders(study_folder)
    folders += _real_folders(study_folder / FINISHES, _NUMBER)
    folders += _real_folders(study_folder / BASELINES, "|".join(map(re.escape, PRESETS)))
    return folders


def retraining_folders(study_folder: Path) -> list[Path]:
    """Return the folders of a confirmation's trainings by name, e.g. `0008-s1`."""
    return _real_folders(study_folder / CONFIRMATION, rf"({_NUMBER})-s[0-9]+")


def name_of(path: Path) -> str:
    """Return what the training in one of these folders is called."""
    kinds = {BASELINES: f"{BASELINE_PREFIX}{path.name}", FINISHES: finish_name(path.name)}
    return kinds.get(path.parent.name, path.name)


def finish_name(trial: str) -> str:
    """Return what the finish of a trial is called."""
    return f"{trial}{_FINISH_SUFFIX}"


def _real_folders(parent: Path, names: str) -> list[Path]:
    if parent.is_symlink() or not parent.is_dir():
        return []
    with os.scandir(parent) as entries:
        found = [
            each.name
            for each in entries
            if re.fullmatch(names, each.name) and each.is_dir(follow_symlinks=False)
        ]
    return [parent / name for name in sorted(found, key=lambda name: (len(name), name))]


def refuse_foreign(study_folder: Path) -> None:
    """Refuse to work in a study out of which a link leads, or that holds what is no file.

    What writes into a study would write through it.

    Raises:
        StudyError: Names the first of them.
    """
    found = sorted(foreign_paths(study_folder))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        named = ", ".join(str(path.relative_to(study_folder)) for path in found[:_SHOWN])
        raise StudyError(
            f"{study_folder}: expected files and folders of the study alone; received {named}"
            f"{more}, which a link leads out of it or which are no files. Remove them, or put the "
            f"files themselves in their places."
        )


def foreign_paths(study_folder: Path) -> Iterator[Path]:
    """Yield what in a study leads out of it, or is neither file nor folder: devices, pipes."""
    waiting = [study_folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for each in entries:
                if each.is_symlink():
                    if not _is_harmless(study_folder, Path(each.path)):
                        yield Path(each.path)
                elif each.is_dir(follow_symlinks=False):
                    waiting.append(Path(each.path))
                elif not each.is_file(follow_symlinks=False):
                    yield Path(each.path)


def _is_harmless(study_folder: Path, link: Path) -> bool:
    """Return whether a link stays in a study, as some of W&B's do, or is W&B's to its own log."""
    if link.relative_to(study_folder).match(_WANDB_LOG):
        return True
    try:
        return leads_into(study_folder, link)
    except (OSError, RuntimeError):  # a circle of links
        return False
