"""Begin and end W&B runs the same way, whatever is logged to them."""

import logging
import os
from pathlib import Path

import wandb

from harness.tracking.tracker import TrackerOptions, TrialIdentity
from harness.tracking.wandb_log import run_id, wait_until_ended
from harness.tracking.wandb_mode import Mode

PROJECT = "gan-sweep-harness"


def start_run(identity: TrialIdentity, options: TrackerOptions, mode: Mode) -> wandb.Run:
    """Begin a W&B run, or go on with the one of the same id.

    Args:
        identity: What the run is about; its id derives from it.
        options: Project and entity.
        mode: Where it is logged to.

    Raises:
        PermissionError: If W&B's folder cannot be written.
    """
    folder = identity.wandb_root / "wandb"
    # W&B moves to the system's temporary folder, in silence, when it cannot write here.
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written")
    project = options.project or wandb.setup().settings.project or PROJECT
    # W&B's debug.log is of no use here, and on a full disk each of its lines would become a
    # traceback at the terminal. Importing W&B sets this level, hence not in the settings.
    logging.getLogger("wandb").setLevel(logging.ERROR)
    return wandb.init(
        id=run_id(identity),
        resume="allow",
        mode=mode,
        reinit="create_new",
        dir=identity.wandb_root,
        entity=options.entity,
        project=project,
        group=identity.study,
        name=f"{identity.study} {identity.trial}",
        job_type=identity.job_type,
        tags=identity.tags,
        config=identity.config,
        settings=_quiet_settings(),
    )


def end_run(run: wandb.Run, exit_code: int = 0) -> None:
    """End a run and wait until W&B's service has written all of it.

    `finish` does not wait: whoever goes on with this run in this process would read half of it.

    Args:
        run: The run.
        exit_code: 0 for done, 1 for failed, 255 for interrupted.

    Raises:
        OSError: If the end does not reach the disk.
    """
    run.finish(exit_code=exit_code)
    segment = Path(run.dir).parent / f"run-{run.id}.wandb"
    if not wait_until_ended(segment):
        raise OSError(f"{segment} lacks its end; is the disk full?")


def _quiet_settings() -> wandb.Settings:
    """Log the training and nothing about the machine, its environment or the code."""
    return wandb.Settings(
        silent=True,
        console="off",
        host="",
        save_code=False,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        use_dot_wandb=False,
        init_timeout=20,
        finish_timeout=60,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_disable_viewer=True,
        x_save_requirements=False,
        # W&B loses with a killed process what it has not flushed; a watcher sees it earlier too.
        x_transaction_log_flush_interval=1.0,
    )
