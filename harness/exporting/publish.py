"""Publish a finished bundle where others find it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import ConfigError, StorageError, first_line
from harness.core.files import read_json, storage_error
from harness.exporting.explorer_files import FOLDER as EXPLORER_FOLDER
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.explorer_runtime import PACKAGE, VERSION
from harness.study.record import read_study
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.wandb_mode import Mode, wandb_mode

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

    That is found first, because a bundle takes the place of an earlier one.

    Args:
        study_folder: The study.
        options: W&B's project, entity and mode.

    Returns:
        From a bundle to one line for the terminal: where it is. Raises StorageError if W&B does
        not take it; the bundle itself is complete.

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

    def publish(bundle: "Bundle") -> str:
        try:
            name = _log_bundle(bundle, study_folder, options, mode.mode)
        except Exception as error:  # W&B raises whatever its service and its server run into
            raise StorageError(
                f"--to wandb: W&B did not take the bundle ({type(error).__name__}: "
                f"{first_line(error)}). It is complete in {bundle.folder}: give the same command "
                f"again to publish it."
            ) from error
        return f"Published as W&B artifact {name}:{bundle.entry.name}. {mode.hint}"

    return publish


def _log_bundle(bundle: "Bundle", study_folder: Path, options: TrackerOptions, mode: Mode) -> str:
    """Log a bundle as an artifact of type `model` in the study's W&B run; return its name.

    Its aliases are the names of the training and its trial and, unless another trial was asked
    for, `best`. Where W&B is offline, a copy waits in the study's folder for `wandb sync`.
    """
    from harness.tracking.wandb_run import ArtifactContents, end_run, log_artifact, start_run

    record, entry = read_study(study_folder), bundle.entry
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
    paths = sorted(path for path in bundle.folder.rglob("*") if path.is_file())
    files = {path.relative_to(bundle.folder).as_posix(): path for path in paths}
    contents = ArtifactContents(
        name=record.name,
        type="model",
        files={name: file for name, file in files.items() if name not in runtime},
        aliases=[*(["best"] if bundle.is_winner else []), *bundle.names],
        metadata=read_json(bundle.folder / "metrics.json"),
        description=_WITHOUT_RUNTIME if runtime & files.keys() else "",
    )
    run, _ = start_run(identity, options, mode)
    log_artifact(run, contents)
    end_run(run)
    return record.name
