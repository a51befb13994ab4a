"""Copy a study for Optuna's dashboard: its trials with notes, readable attributes and grids."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import optuna
import optuna_dashboard
from optuna.artifacts.exceptions import ArtifactNotFound

from harness.core.errors import StorageError
from harness.core.outcome import Outcome
from harness.core.score import Protocol
from harness.optuna_dashboard.trial_notes import study_note, title_of, trial_note
from harness.study.read_only import copy_of
from harness.study.record import StudyRecord
from harness.tracking.tracker import TrialIdentity
from harness.tracking.wandb_log import latest_segments, run_address, run_id
from harness.training.training_folder import TrainingFolder


class GridStore:
    """Hand out sample grids as artifacts from where they lie; keeps and removes nothing.

    Args:
        grids: Files by artifact id.
    """

    def __init__(self, grids: dict[str, Path]) -> None:
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
    trials: list[optuna.trial.FrozenTrial],
    *,
    confirmed: str | None = None,
) -> tuple[optuna.Study, GridStore]:
    """Return a copy of a study that the dashboard can show, and its grids.

    Args:
        folder: The study's folder.
        record: What the study says of itself.
        trials: All its trials, by number.
        confirmed: Name of the trial that training the leaders again stands behind, if any.
    """
    metric = Protocol(**record.protocol).name
    folders = [TrainingFolder(folder / "trials" / f"{trial.number:04d}") for trial in trials]
    outcomes = [_outcome(each) for each in folders]
    runs = _Runs(folder, record)
    grids: dict[str, Path] = {}
    shown = [
        _show(trial, _attributes(outcome), _artifacts(trial.number, training, grids))
        for trial, training, outcome in zip(trials, folders, outcomes, strict=True)
    ]
    study = copy_of(shown, name=record.name, metric=metric)
    study.sampler = optuna.samplers.RandomSampler()  # the only one that looks at no trials
    for trial, outcome in zip(trials, outcomes, strict=True):
        note = trial_note(
            f"{trial.number:04d}",
            outcome,
            rungs=trial.intermediate_values,
            metric=metric,
            wandb_line=runs.line(f"{trial.number:04d}"),
        )
        optuna_dashboard.save_note(optuna.Trial(study, trial.number), note)
    note = study_note(
        record, winner=_winner(outcomes), confirmed=confirmed, wandb_line=runs.line("study")
    )
    optuna_dashboard.save_note(study, note)
    return study, GridStore(grids)


class _Runs:
    """Know where the W&B runs of a study are, from one look at the disk."""

    def __init__(self, folder: Path, record: StudyRecord) -> None:
        self._record = record
        self._wandb = folder / "wandb"
        self._segments = latest_segments(self._wandb)

    def line(self, name: str) -> str:
        """Return a link to a run, or how to look at it on this disk."""
        identity = TrialIdentity(
            study=self._record.name,
            study_id=self._record.id,
            trial=name,
            folder=self._wandb.parent,
            config={},
            wandb_root=self._wandb.parent,
        )
        title, run = f"{self._record.name} {name}", run_id(identity)
        segment = self._segments.get(run)
        if segment is None:
            return "W&B has no run of it here."
        try:
            address = run_address(segment)
        except StorageError:
            address = None
        if address is not None:
            return f"W&B run: [{title}]({address})"
        return f"W&B run: **{title}** (`{run}`); to see it: `wandb leet {self._wandb}`"


def _outcome(training: TrainingFolder) -> Outcome | None:
    try:
        return training.read_outcome()
    except StorageError:  # damaged; `doctor` says so
        return None


def _winner(outcomes: Sequence[Outcome | None]) -> str | None:
    """Return the number of the trial with the lowest final score; None before there is one."""
    finals = [
        (outcome.final.value, number)
        for number, outcome in enumerate(outcomes)
        if outcome is not None and outcome.final is not None
    ]
    return f"{min(finals)[1]:04d}" if finals else None


def _show(
    trial: optuna.trial.FrozenTrial, attributes: dict[str, Any], artifacts: dict[str, str]
) -> optuna.trial.FrozenTrial:
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
        system_attrs=artifacts,
        intermediate_values=trial.intermediate_values,
    )


def _attributes(outcome: Outcome | None) -> dict[str, Any]:
    """Return what stands beside a trial's parameters: single values that can be sorted by."""
    attributes: dict[str, Any] = {"outcome": title_of(outcome)}
    if outcome is not None:
        attributes |= {"kimg": outcome.kimg, "seconds": round(outcome.duration_seconds, 1)}
    if outcome is not None and outcome.final is not None:
        attributes["final score"] = outcome.final.value
    return attributes


def _artifacts(number: int, training: TrainingFolder, grids: dict[str, Path]) -> dict[str, str]:
    """Return a trial's grids as Optuna notes artifacts, and add them to `grids`."""
    files = sorted((training.path / "grids").glob("kimg_*.png"))
    numbers = [file.stem.removeprefix("kimg_").partition("_") for file in files]
    width = max((len(whole.lstrip("0")) for whole, _, _ in numbers), default=1)
    found = {}
    for file, (whole, _, part) in zip(files, numbers, strict=True):
        # The dashboard's addresses take hexadecimal digits and hyphens.
        name = f"{number:04d}-{whole}-{part}".removesuffix("-")
        # It sorts by names as texts, hence numbers of one width.
        kimg = f"{int(whole):0{width}d}.{part}".removesuffix(".")
        grids[name] = file
        meta = {"artifact_id": name, "filename": f"{kimg} kimg.png", "mimetype": "image/png"}
        found[f"artifacts:{name}"] = json.dumps(meta | {"encoding": None})
    return found
