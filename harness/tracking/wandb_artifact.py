"""Log files as W&B artifacts, with their copies kept inside the run's own folder."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactContents:
    """Hold what becomes a version of an artifact.

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


def files_below(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by their names in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in files}


def log_artifact(run: wandb.Run, contents: ArtifactContents) -> None:
    """Log files as a version of an artifact.

    W&B keeps a copy until it is uploaded, so the files may change or go at once.

    Args:
        run: The run it comes from.
        contents: The files, and what is said of them.

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
    before = os.environ.get(wandb.env.DATA_DIR)
    os.environ[wandb.env.DATA_DIR] = str(Path(run.dir).resolve().parent / "data")
    try:
        yield
    finally:
        if before is None:
            del os.environ[wandb.env.DATA_DIR]
        else:
            os.environ[wandb.env.DATA_DIR] = before
