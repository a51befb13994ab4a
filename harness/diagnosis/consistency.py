"""List every disagreement within a study, and mend it in the order of truth.

The order is outcome.json, then Optuna, then history and W&B: each stage of the repair takes the
ones before it for granted, so what they have just mended counts.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.core.errors import HarnessError, StudyError
from harness.core.option_values import TrackerName
from harness.diagnosis.examined import Examined
from harness.diagnosis.finding import Finding, Level, fail, ok
from harness.diagnosis.study_files import check_files
from harness.diagnosis.study_records import check_histories, check_journal, check_wandb_logs
from harness.space.space import SearchSpace
from harness.study.own_folders import foreign_paths, refuse_foreign
from harness.study.record import (
    StudyRecord,
    copy_fault,
    find_study,
    lock_study,
    read_study,
    refuse_running,
)
from harness.study.repair import StoredStudy

STAGES: tuple[Callable[[Examined], Iterator[Finding]], ...] = (
    check_files,
    check_journal,
    check_histories,
    check_wandb_logs,
)


def examine_study(
    studies_dir: Path,
    name: str,
    *,
    tracker: TrackerName = "wandb",
    repair: bool = False,
) -> list[Finding]:
    """Return where a study's folder, journal and logs disagree.

    Args:
        studies_dir: Folder of all studies.
        name: The study.
        tracker: What it was tracked by: a `TrackerName`.
        repair: Whether to mend what can be mended; what was is then `ok`, and says so.

    Raises:
        StudyError: If there is no such study, a sweep is running it, another version of the
            package made it, or it is to be mended and a link leads out of it.
        StorageError: If its record or its journal cannot be used.
    """
    folder = find_study(studies_dir, name)
    record = read_study(folder)
    space = SearchSpace.of_study(folder)
    findings = list(_identity(folder, record))
    if not repair:
        refuse_running(folder)
        if any(foreign_paths(folder)):
            return findings  # what a link leads to is not looked into
    with (
        lock_study(folder) if repair else contextlib.nullcontext(),
        StoredStudy(folder, record, space, writes=repair) as stored,
    ):
        study = Examined(folder, record, space, stored, tracker)
        for stage in STAGES:
            # All of a stage is listed before any of it is mended: the lists stay the same.
            found = list(stage(study))
            findings += [_mended(each) for each in found] if repair else found
        ended = sum(each.outcome() is not None for each in study.trainings())
    wrong = sum(each.level is not Level.OK for each in findings)
    if not wrong:
        findings.append(ok("study", f"{folder}: {ended} trainings ended; all records agree"))
    return findings


def _identity(folder: Path, record: StudyRecord) -> Iterator[Finding]:
    """Yield what makes the folder another study's, or leads out of it; people decide on both."""
    if fault := copy_fault(folder, record):
        yield fail("study", fault)
    try:
        refuse_foreign(folder)
    except StudyError as error:
        yield fail("study", str(error))


def _mended(finding: Finding) -> Finding:
    """Return a finding as it stands after its repair."""
    if finding.mend is None:
        return finding
    try:
        finding.mend()
    except HarnessError as error:
        return fail(finding.name, f"{finding.message}; not mended: {error}")
    return dataclasses.replace(
        finding, level=Level.OK, message=f"mended: {finding.message}", mend=None
    )
