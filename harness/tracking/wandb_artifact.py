"""Log files as W&B artifacts, with their copies kept inside the run's own folder."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb


def log_artifact(
    run: wandb.Run,
    name: str,
    *,
    type: str,  # W&B's own word
    path: Path,
    aliases: Sequence[str],
    metadata: Mapping[str, Any],
) -> None:
    """Log a file, or a folder with all that it holds, as a version of an artifact.

    W&B keeps a copy until it is uploaded, so the files may change or go at once.

    Args:
        run: The run it comes from.
        name: What all its versions are called.
        type: What it is, e.g. `model`.
        path: A file or a folder.
        aliases: Names of this version, e.g. `best`.
        metadata: What W&B shows beside it, ready for JSON.

    Raises:
        OSError: If a file cannot be read or copied.
    """
    artifact = wandb.Artifact(name, type=type, metadata=dict(metadata))
    with staging_in(run):
        # Not `add_dir`, which talks to the terminal.
        for file in sorted(each for each in path.rglob("*") if each.is_file()) or [path]:
            name_inside = file.relative_to(path if path.is_dir() else path.parent).as_posix()
            artifact.add_file(str(file), name_inside)
    run.log_artifact(artifact, aliases=list(aliases))


@contextlib.contextmanager
def staging_in(run: wandb.Run) -> Iterator[None]:
    """Make W&B copy what it will upload into the run's folder, to the end of the block.

    By itself W&B takes a folder in the user's home, where copies for runs that are never
    uploaded would pile up.
    """
    before = os.environ.get(wandb.env.DATA_DIR)
    os.environ[wandb.env.DATA_DIR] = str(Path(run.dir).resolve().parent / "data")
    try:
        yield
    finally:
        if before is None:
            del os.environ[wandb.env.DATA_DIR]
        else:
            os.environ[wandb.env.DATA_DIR] = before
