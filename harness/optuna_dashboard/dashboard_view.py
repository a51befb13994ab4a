"""Copy a study for Optuna's dashboard: its trials with notes, readable attributes and grids."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import optuna
import optuna_dashboard
from optuna.artifacts import ArtifactMeta
from optuna.artifacts.exceptions import ArtifactNotFound

from harness.core.errors import HarnessError, StorageError
from harness.core.events import paused_at
from harness.core.files import inside
from harness.core.outcome import Outcome
from harness.core.score import Protocol
from harness.data.image_opener import GRID_BYTES, opened_image
from harness.optuna_dashboard.trial_notes import study_note, title_of, trial_note
from harness.study.leaderboard import Entry, read_entries, winner
from harness.study.own_folders import trial_folders
from harness.study.record import StudyRecord
from harness.study.trial_storage import copy_of
from harness.tracking.identity import run_id
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.tracking.wandb_log import latest_runs, run_address
from harness.training.training_folder import TrainingFolder

Artifact = tuple[ArtifactMeta, Path]

_GRID = re.compile(r"kimg_[0-9]{1,12}(_[0-9]{1,12})?\.png")


class GridStore:
    """An artifact store that gives sample grids from where they lie; it keeps and removes nothing.

    Args:
        grids: Files by artifact id.
    """

    def __init__(self, grids: Mapping[str, Path]) -> None:
        self._grids = grids

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return a grid, opened.

        Raises:
            ArtifactNotFound: If there is none of this id.
        """
        try:
            return self._grids[artifact_id].open("rb")
        except (KeyError, FileNotFoundError) as error:
            raise ArtifactNotFound(f"no grid {artifact_id}") from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refuse: the page is for looking only."""
        raise StorageError(f"artifact {artifact_id}: the dashboard shows grids and keeps nothing.")

    def remove(self, artifact_id: str) -> None:
        """Refuse: the page is for looking only."""
        raise StorageError(f"artifact {artifact_id}: the dashboard shows grids and removes none.")


def make_view(
    folder: Path,
    record: StudyRecord,
    trials: Sequence[optuna.trial.FrozenTrial],
    *,
    confirmed: str | None = None,
) -> tuple[optuna.storages.InMemoryStorage, GridStore]:
    """Return a storage with a copy of a study that the dashboard can show, and its grids.

    Args:
        folder: The study's folder.
        record: What the study says of itself.
        trials: All its trials, by number.
        confirmed: Name of the trial that training the leaders again stands behind, if any.
    """
    metric = Protocol(**record.protocol).name
    names = [f"{trial.number:04d}" for trial in trials]
    own = {path.name: TrainingFolder(path) for path in trial_folders(folder)}
    outcomes = [_outcome(own.get(name)) for name in names]
    pauses = [
        None if outcome else _paused_at(own.get(name))
        for name, outcome in zip(names, outcomes, strict=True)
    ]
    artifacts = [_artifacts(name, own.get(name)) for name in names]
    storage = optuna.storages.InMemoryStorage()
    shown = map(_show, trials, outcomes, pauses, artifacts)
    study = copy_of(list(shown), name=record.name, metric=metric, storage=storage)
    study.sampler = optuna.samplers.RandomSampler()  # the only one that looks at no trials
    runs = latest_runs(folder / "wandb")
    for trial, name, outcome, kimg in zip(trials, names, outcomes, pauses, strict=True):
        note = trial_note(
            name,
            outcome,
            paused_kimg=kimg,
            rungs=trial.intermediate_values,
            metric=metric,
            wandb_line=_wandb_line(record, name, runs),
        )
        # In memory an id is a number.
        optuna_dashboard.save_note(optuna.Trial(study, trial.number), note)
    line = _wandb_line(record, "study", runs)
    note = study_note(record, winner=_winner(folder), confirmed=confirmed, wandb_line=line)
    optuna_dashboard.save_note(study, note)
    return storage, GridStore(
        {meta.artifact_id: file for each in artifacts for meta, file in each}
    )


def _wandb_line(record: StudyRecord, name: str, runs: Mapping[str, Path]) -> str:
    """Return a link to a W&B run, or how to look at it on this disk."""
    title, run = f"{record.name} {name}", run_id(record.id, name)
    if run not in runs:
        return "W&B has no run of it here."
    address = run_address(runs[run])
    if address is not None:
        return f"W&B run: [{title}]({address})"
    return f"W&B run: **{title}** (`{run}`); to see it: `wandb leet {runs[run].parent}`"


def _is_grid(training: TrainingFolder, file: Path) -> bool:
    name = file.relative_to(training.path)
    try:
        own = _GRID.fullmatch(file.name) and inside(training.path, name, most_bytes=GRID_BYTES)
        if own:
            with opened_image(file, ("PNG",)):  # its head alone: there may be thousands
                return True
    except HarnessError:
        pass
    return False


def _outcome(training: TrainingFolder | None) -> Outcome | None:
    try:
        return training.read_outcome() if training else None
    except StorageError:  # damaged; `doctor` says so
        return None


def _paused_at(training: TrainingFolder | None) -> float | None:
    try:
        return paused_at(read_history(training.path / HISTORY_NAME)) if training else None
    except StorageError:  # damaged; `doctor` says so
        return None


def _winner(folder: Path) -> Entry | None:
    try:
        return winner(read_entries(folder))
    except HarnessError:  # damaged; `doctor` says so
        return None


def _show(
    trial: optuna.trial.FrozenTrial,
    outcome: Outcome | None,
    paused_kimg: float | None,
    artifacts: Sequence[Artifact],
) -> optuna.trial.FrozenTrial:
    """Return a trial with what stands beside its parameters, and as Optuna notes artifacts."""
    attributes: dict[str, Any] = {"outcome": title_of(outcome, paused_kimg)}
    if outcome is not None:
        attributes |= {"kimg": outcome.kimg, "seconds": round(outcome.duration_seconds, 1)}
    if outcome is not None and outcome.final is not None:
        attributes["final score"] = outcome.final.value
    metas = {f"artifacts:{m.artifact_id}": json.dumps(dataclasses.asdict(m)) for m, _ in artifacts}
    return optuna.trial.FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=trial.state,
        value=trial.value,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=attributes,
        system_attrs=metas,
        intermediate_values=trial.intermediate_values,
    )


def _artifacts(name: str, training: TrainingFolder | None) -> list[Artifact]:
    """Return the grids of a trial; what only has the name of one is left out."""
    found = training.pictures("grids") if training else []
    files = [file for file in found if training and _is_grid(training, file)]
    numbers = [file.stem.removeprefix("kimg_").partition("_") for file in files]
    width = max((len(whole.lstrip("0")) for whole, _, _ in numbers), default=1)
    metas = (
        ArtifactMeta(
            # The dashboard's addresses take hexadecimal digits and hyphens.
            artifact_id=f"{name}-{whole}-{part}".removesuffix("-"),
            # It sorts by names as texts, hence numbers of one width.
            filename=f"{f'{int(whole):0{width}d}.{part}'.removesuffix('.')} kimg.png",
            mimetype="image/png",
            encoding=None,
        )
        for whole, _, part in numbers
    )
    return list(zip(metas, files, strict=True))
