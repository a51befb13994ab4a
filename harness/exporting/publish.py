"""Publish a finished bundle where others find it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import ConfigError, StorageError, first_line, near_miss
from harness.core.files import read_json, storage_error
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.explorer_runtime import PACKAGE, VERSION
from harness.exporting.explorer_server import FOLDER as EXPLORER_FOLDER
from harness.study.record import read_study
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.wandb_mode import WandbMode, wandb_mode

if TYPE_CHECKING:
    from harness.exporting.bundle import Bundle

_JOB_TYPE = "export"
_WITHOUT_RUNTIME = (
    f"Without {', '.join(RUNTIME_FILES)} of {PACKAGE} {VERSION}, which the explorer needs. Add "
    f'them in this folder by `cp "$(python -m harness.exporting.explorer_runtime)"/* '
    f"{EXPLORER_FOLDER}/`, or from the package's `dist/`; checksums.txt lists them."
)


def prepare_wandb(study_folder: Path, options: TrackerOptions) -> "Callable[[Bundle], str]":
    """Return what publishes a bundle to W&B, having found that W&B can be written.

    Args:
        study_folder: The study.
        options: W&B's project, entity and mode.

    Raises:
        ConfigError: If W&B is disabled, or its mode is unknown.
        StorageError: If its folder in the study cannot be written.
    """
    mode = wandb_mode(study_folder, options.wandb_mode)
    if mode.mode == "disabled":
        raise ConfigError(
            "--to wandb: received W&B's mode disabled; expected offline or online, so nothing was "
            "exported. Choose one by --wandb-mode, or leave --to out."
        )
    folder = study_folder / "wandb"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return functools.partial(
        _publish_to_wandb, study_folder=study_folder, options=options, mode=mode
    )


def _publish_to_wandb(
    bundle: "Bundle", *, study_folder: Path, options: TrackerOptions, mode: WandbMode
) -> str:
    """Log a bundle as an artifact of type `model` in the study's W&B run of type `export`.

    Its aliases are the names of the training and its trial and, unless another trial was asked
    for, `best`. Where W&B is offline, a copy waits in the study's folder for `wandb sync`.

    Args:
        bundle: What was exported.
        study_folder: The study.
        options: W&B's project and entity.
        mode: W&B's mode.

    Returns:
        One line for the terminal: where it is.

    Raises:
        StorageError: If W&B does not take it; the bundle itself is complete.
    """
    from harness.tracking.wandb_run import (
        ArtifactContents,
        end_run,
        files_below,
        log_artifact,
        start_run,
    )

    record, entry = read_study(study_folder), bundle.entry
    metadata = read_json(bundle.folder / "metrics.json")
    identity = TrialIdentity(
        study=record.name,
        study_id=record.id,
        trial=_JOB_TYPE,  # one run a study, a version an export
        folder=entry.folder.path,
        config=entry.config.model_dump(mode="json"),
        wandb_root=study_folder,
        tags=(entry.config.family,),
        job_type=_JOB_TYPE,
    )
    # The same for every export of every study, and more than all the rest.
    runtime = {f"{EXPLORER_FOLDER}/{name}" for name in RUNTIME_FILES}
    files = files_below(bundle.folder)
    contents = ArtifactContents(
        name=record.name,
        type="model",
        files={name: file for name, file in files.items() if name not in runtime},
        aliases=[*(["best"] if bundle.is_winner else []), *bundle.names],
        metadata=metadata,
        description=_WITHOUT_RUNTIME if runtime & files.keys() else "",
    )
    try:
        run = start_run(identity, options, mode.mode)
        log_artifact(run, contents)
        end_run(run)
    except Exception as error:  # W&B raises whatever its service and its server run into
        raise StorageError(
            f"--to wandb: W&B did not take the bundle ({type(error).__name__}: "
            f"{first_line(error)}). It is complete in {bundle.folder}: give the same command "
            f"again to publish it."
        ) from error
    return f"Published as W&B artifact {record.name}:{entry.name}. {mode.hint}"


DESTINATIONS: dict[str, Callable[[Path, TrackerOptions], "Callable[[Bundle], str]"]] = {
    "wandb": prepare_wandb,
}
"""The extension point: from a study and options to what publishes a bundle, and gives a line that
says where it is; what stands in its way is raised before."""


def find_destination(
    name: str, study_folder: Path, options: TrackerOptions
) -> "Callable[[Bundle], str]":
    """Return what publishes a bundle, before there is one: an earlier bundle may depend on it.

    Args:
        name: Key of `DESTINATIONS`.
        study_folder: The study.
        options: Where to in detail.

    Raises:
        ConfigError: If there is no destination of that name.
        HarnessError: If nothing can be published there.
    """
    if name not in DESTINATIONS:
        raise ConfigError(
            f"--to: received {name!r}; expected {', '.join(DESTINATIONS)}."
            f"{near_miss(name, DESTINATIONS)}"
        )
    return DESTINATIONS[name](study_folder, options)
