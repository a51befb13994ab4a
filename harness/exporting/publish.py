"""Publish a finished bundle where others find it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError, StorageError, near_miss
from harness.files import read_json
from harness.search.folders import read_study
from harness.tracking.tracker import TrackerOptions, TrialIdentity
from harness.tracking.wandb_mode import wandb_mode

if TYPE_CHECKING:
    from harness.exporting.bundle import Bundle

_JOB_TYPE = "export"


def publish_to_wandb(bundle: "Bundle", study_folder: Path, options: TrackerOptions) -> str:
    """Log a bundle as an artifact of type `model` in the study's W&B run of type `export`.

    Its aliases are the names of the training and its trial and, unless another trial was asked
    for, `best`. Where W&B is offline, a copy waits in the study's folder for `wandb sync`.

    Args:
        bundle: What was exported.
        study_folder: The study.
        options: W&B's project, entity and mode.

    Returns:
        One line for the terminal: where it is.

    Raises:
        ConfigError: If W&B is disabled, or its mode is unknown.
        StorageError: If W&B does not take it; the bundle itself is complete.
    """
    mode = wandb_mode(study_folder, options.wandb_mode)
    if mode.mode == "disabled":
        raise ConfigError(
            f"--to wandb: W&B is disabled, so the bundle is in {bundle.folder} alone. Choose "
            f"--wandb-mode offline or online."
        )
    from harness.tracking.wandb_artifact import log_artifact
    from harness.tracking.wandb_run import end_run, start_run

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
    try:
        run = start_run(identity, options, mode.mode)
        log_artifact(
            run,
            record.name,
            type="model",
            path=bundle.folder,
            aliases=[*(["best"] if bundle.is_winner else []), *bundle.names],
            metadata=metadata,
        )
        end_run(run)
    except Exception as error:  # W&B raises whatever its service and its server run into
        first_line = (str(error).strip().splitlines() or [""])[0][:300]
        raise StorageError(
            f"--to wandb: W&B did not take the bundle ({type(error).__name__}: {first_line}). It "
            f"is complete in {bundle.folder}: give the same command again to publish it."
        ) from error
    return f"Published as W&B artifact {record.name}:{entry.name}. {mode.hint}"


DESTINATIONS: dict[str, Callable[["Bundle", Path, TrackerOptions], str]] = {
    "wandb": publish_to_wandb,
}
"""The extension point: from a bundle, its study and options to a line that says where it is."""


def check_destination(name: str) -> str:
    """Return the name if a bundle can be published there.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in DESTINATIONS:
        raise ConfigError(
            f"--to: received {name!r}; expected {', '.join(DESTINATIONS)}."
            f"{near_miss(name, DESTINATIONS)}"
        )
    return name
