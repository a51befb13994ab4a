"""Begin and end W&B runs the same way, whatever is logged to them."""

import contextlib
import dataclasses
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.wandb_log import find_runs, note, note_begin
from harness.tracking.wandb_mode import Mode

PROJECT = "gan-sweep-harness"
# The training is logged, and nothing about the machine or the code.
_QUIET: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "host": "",
    "save_code": False,
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "use_dot_wandb": False,
    "init_timeout": 20,
    "finish_timeout": 60,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
_END_SECONDS, _LOOK_SECONDS = 5.0, 0.02


def start_run(
    identity: TrialIdentity, options: TrackerOptions, mode: Mode
) -> tuple[wandb.Run, list[Path]]:
    """Begin a W&B run, or go on with the one of the same id.

    Args:
        identity: What the run is about; its id derives from it.
        options: Project and entity.
        mode: Where it is logged to.

    Returns:
        The run, and the folders that it has from before, the oldest first.

    Raises:
        PermissionError: If W&B's folder cannot be written.
    """
    folder = identity.wandb_folder
    # W&B moves to the system's temporary folder, in silence, when it cannot write here.
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written")
    settings = wandb.setup().settings
    if settings.sweep_id or settings.launch:
        # W&B would take no id of ours, and make all runs one.
        raise RuntimeError("this process took part in a W&B sweep or launch before")
    project = options.project or settings.project or PROJECT
    # W&B's debug.log is of no use here, and on a full disk each of its lines would become a
    # traceback at the terminal. Importing W&B sets this level, hence not in the settings.
    logging.getLogger("wandb").setLevel(logging.ERROR)
    earlier = find_runs(folder, identity.run_id)
    try:
        run = wandb.init(
            id=identity.run_id,
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
            settings=wandb.Settings(**_QUIET),
        )
    except Exception:
        # The folder of a run that never began would pass for one that the server has.
        for begun in set(find_runs(folder, identity.run_id)) - set(earlier):
            shutil.rmtree(begun, ignore_errors=True)
        raise
    note_begin(run_folder(run), earlier)
    if mode == "online":
        note(run_folder(run), url=run.url)
    return run, earlier


def run_folder(run: wandb.Run) -> Path:
    """Return the folder in which W&B keeps a run on this disk."""
    return Path(run.dir).parent


def end_run(run: wandb.Run, exit_code: int = 0) -> None:
    """End a run and wait until W&B's service has written all of it.

    `finish` returns before the last block is on the disk, and says nothing where that is full.

    Args:
        run: The run.
        exit_code: 0 for done, 1 for failed, 255 for interrupted.

    Raises:
        OSError: If the end does not reach the disk.
    """
    log = run_folder(run) / f"run-{run.id}.wandb"
    size = before = log.stat().st_size
    run.finish(exit_code=exit_code)
    deadline = time.monotonic() + _END_SECONDS
    # Grown, and still at the next look.
    while size == before or log.stat().st_size > size:
        if time.monotonic() > deadline:
            raise OSError(f"{log} lacks its end; is the disk full?")
        size = log.stat().st_size
        time.sleep(_LOOK_SECONDS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactContents:
    """A version of an artifact, to be logged.

    Args:
        name: What all its versions are called.
        type: What it is, e.g. `model`.
        files: By their names in it.
        aliases: Names of this version, e.g. `best`.
        metadata: What W&B shows beside it, ready for JSON.
        description: The same in words.
    """

    name: str
    type: str  # W&B's own word
    files: Mapping[str, Path]
    aliases: Sequence[str]
    metadata: Mapping[str, Any]
    description: str = ""


def log_artifact(run: wandb.Run, contents: ArtifactContents) -> None:
    """Log files as a version of an artifact.

    W&B keeps a copy until it is uploaded, so the files may change or go at once.

    Raises:
        OSError: If a file cannot be read or copied; ValueError if there is none.
    """
    artifact = wandb.Artifact(
        contents.name,
        type=contents.type,
        description=contents.description or None,
        metadata=dict(contents.metadata),
    )
    with staging_in(run):
        for name, file in contents.files.items():  # not `add_dir`, which talks to the terminal
            artifact.add_file(str(file), name)
    run.log_artifact(artifact, aliases=list(contents.aliases))


@contextlib.contextmanager
def staging_in(run: wandb.Run) -> Iterator[None]:
    """Make W&B copy what it will upload into the run's folder, to the end of the block.

    By itself W&B takes a folder in the user's home, where copies for runs that are never
    uploaded would pile up.
    """
    before = {key: os.environ[key] for key in (wandb.env.DATA_DIR,) if key in os.environ}
    os.environ[wandb.env.DATA_DIR] = str(Path(run.dir).resolve().parent / "data")
    try:
        yield
    finally:
        del os.environ[wandb.env.DATA_DIR]
        os.environ.update(before)
