"""Start a new study from the trials of an old one that still compare."""

import contextlib
import dataclasses
import datetime
import tempfile
import uuid
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError, StudyError
from harness.core.files import copy_folder, storage_error, write_json, write_text
from harness.core.version import __version__
from harness.gan.user_code.user_functions import write_copies
from harness.metrics.extractor_folder import stored_sha256
from harness.space.space import SearchSpace
from harness.study.data_place import known_as
from harness.study.leaderboard import rank, read_entries
from harness.study.own_folders import BASELINES, TRIALS, training_folders, trial_folders
from harness.study.record import (
    SEMANTICS_VERSION,
    StudyRecord,
    check_study_name,
    find_study,
    lock_study,
    read_own_study,
)
from harness.study.repair import StoredStudy
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class Fork:
    """The result of a fork: what it took over, and what not.

    Args:
        folder: The new study's folder.
        copied: How many trials it begins with.
        left_out: One line for each trial that does not compare, with the reason.
    """

    folder: Path
    copied: int
    left_out: tuple[str, ...]


class IncomparableTrialsError(StudyError):
    """A study whose scores mean something else than those of the one that forks it."""


_MOST_TAKEN = 10


def leading_params(studies_dir: Path, source: str, space: SearchSpace) -> list[dict[str, Any]]:
    """Return the Optuna parameters of a study's best trials that a search space holds.

    For a fork whose scores would not compare: what was found is tried first, and measured anew.

    Args:
        studies_dir: Folder of the study.
        source: Its name.
        space: Of the new study.

    Raises:
        StudyError: If there is no such study, or the space holds none of its trials.
    """
    found: list[dict[str, Any]] = []
    for entry in rank(read_entries(find_study(studies_dir, source))):
        if entry.is_baseline or entry.score is None or len(found) == _MOST_TAKEN:
            continue
        with contextlib.suppress(ConfigError):
            found.append(space.params_of(entry.config))
    if not found:
        raise StudyError(
            f"{source}: none of its scored trials lies in the new search space. Widen the space, "
            f"or start a new study without --fork."
        )
    return found


def fork_study(
    studies_dir: Path,
    source: str,
    target: str,
    *,
    space: SearchSpace,
) -> Fork:
    """Make a new study that begins with every trial of an old one that it could have made.

    A trial compares when it was scored by the same protocol on the same rungs, by code of the same
    semantics version, and the new search space holds its configuration. It keeps its seed. Where
    trials are left out, later ones move up: numbers have no gaps. The old study stays as it is.

    Args:
        studies_dir: Folder of both studies.
        source: The old study.
        target: Name of the new one.
        space: What the new one searches, its images named as the old one knows them; see
            `on_known_images`.

    Raises:
        StudyError: If there is no such study, a sweep is running it, the new name is taken, its
            data set is another, or the space holds none of its trials.
        IncomparableTrialsError: If its scores mean something else; see `leading_params`.
        StorageError: If something cannot be read or written.
    """
    old = find_study(studies_dir, source)
    record = read_own_study(old)
    folder = studies_dir / check_study_name(target)
    if folder.exists():
        raise StudyError(
            f"{folder}: exists already. Go on with it by --study {target} without --fork, or "
            f"choose another name."
        )
    space = space.located()
    if known_as(old, space.dataset, None) != space.dataset:
        raise StudyError(
            f"{old}: is a study of {record.dataset}; received the data set {space.dataset}, which "
            f"holds others. Name that data set, or start a new study without --fork."
        )
    _refuse_incomparable(old, record, space)
    made = dataclasses.replace(
        record,
        dataset=space.dataset,
        extractor=space.protocol.extractor,
        id=str(uuid.uuid4()),
        name=target,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        harness_version=__version__,
    )
    try:
        with (
            lock_study(old),
            tempfile.TemporaryDirectory(prefix=".fork-", dir=studies_dir) as temporary,
        ):
            unnamed = Path(temporary) / target
            unnamed.mkdir()
            with StoredStudy(unnamed, made, space) as stored:
                copied, left_out = _copy(old, unnamed, stored)
            _finish(unnamed, old, made, space)
            unnamed.rename(folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    return Fork(folder, copied, left_out)


def _refuse_incomparable(old: Path, record: StudyRecord, space: SearchSpace) -> None:
    """Refuse what makes every trial of the old study worthless to the new one."""
    old_space = SearchSpace.of_study(old).located()
    if stored_sha256(space.protocol.extractor) == record.protocol["extractor_sha256"]:
        old_space = old_space.seen_through(space.protocol.extractor)
    pairs = {
        "semantics_version": (record.semantics_version, SEMANTICS_VERSION),
        "budget.rungs_kimg": (old_space.budget.rungs_kimg, space.budget.rungs_kimg),
    }
    for key, value in old_space.protocol.model_dump().items():
        pairs[f"protocol.{key}"] = (value, getattr(space.protocol, key))
    lines = [f"{key}: {before} -> {now}" for key, (before, now) in pairs.items() if before != now]
    if lines:
        raise IncomparableTrialsError(
            f"{old}: none of its trials compares with what the new study does:\n  "
            + "\n  ".join(lines)
        )


def _copy(old: Path, folder: Path, stored: StoredStudy) -> tuple[int, tuple[str, ...]]:
    """Copy the trials that compare; return how many, and what was left out and why."""
    copied, left_out = 0, []
    for path in trial_folders(old):
        config, outcome = TrainingFolder(path).read_config(), TrainingFolder(path).read_outcome()
        if config is None:
            continue
        if outcome is not None and outcome.superseded_by is not None:
            left_out.append(f"{path.name}: a retry took its place")
            continue
        try:
            stored.add(copied, config, outcome, read_history(path / HISTORY_NAME))
        except ConfigError as error:
            left_out.append(f"{path.name}: {' '.join(str(error).split())}")
            continue
        copy_folder(path, folder / TRIALS / f"{copied:04d}")
        copied += 1
    if not copied:
        raise StudyError(
            f"{old}: none of its trials lies in the new search space"
            + "".join(f"\n  {line}" for line in left_out)
            + "\nWiden the space, or start a new study without --fork."
        )
    return copied, tuple(left_out)


def _finish(folder: Path, old: Path, record: StudyRecord, space: SearchSpace) -> None:
    """Write what makes a study of copied trials."""
    for path in training_folders(old):
        if path.parent.name == BASELINES:
            copy_folder(path, folder / BASELINES / path.name)
    write_copies(folder, space.files)
    write_text(folder / "search_space.yaml", space.to_yaml())
    write_json(folder / "study.json", dataclasses.asdict(record))  # last: now it is a study
