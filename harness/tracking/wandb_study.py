"""Show a whole study as one W&B run beside those of its trials: what stands, not how it came."""

import contextlib
import dataclasses
import io
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb
from PIL import Image

from harness.core.errors import StorageError, StudyError
from harness.core.locks import lock_folder
from harness.tracking.tracker import TrackerOptions, TrialIdentity
from harness.tracking.wandb_artifact import ArtifactContents, log_artifact, staging_in
from harness.tracking.wandb_log import find_segments, run_id, what_was_logged
from harness.tracking.wandb_mode import Mode, remember_online_failure, wandb_mode
from harness.tracking.wandb_run import end_run, start_run

LOGGER = logging.getLogger(__name__)

_THUMBNAIL_SIDE = 160
_THUMBNAIL_BYTES = 2_000_000
"""What all thumbnails of a leaderboard may take; the last of a very long one have none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WinnerArtifact:
    """Hold the winner, to be logged as an artifact.

    Args:
        names: Of the training and its trial; aliases of the artifact, beside `best`.
        files: What it consists of.
        metadata: Its scores and their protocol, ready for JSON.
    """

    names: tuple[str, ...]
    files: tuple[Path, ...]
    metadata: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudySnapshot:
    """Hold what the run of a study shows.

    Args:
        identity: Names the run; the trial is called `study`.
        columns: Names of the leaderboard's columns.
        rows: A row a training, best first, by columns: numbers, strings or None.
        grids: The sample grid of each row; None where there is none.
        plots: Plotly figures by name.
        summary: What the run's summary says, nested.
        winner_artifact: The winner; None before there is one.
    """

    identity: TrialIdentity
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    grids: Sequence[Path | None]
    plots: Mapping[str, Any]
    summary: Mapping[str, Any]
    winner_artifact: WinnerArtifact | None


def publish_study(snapshot: StudySnapshot, options: TrackerOptions) -> None:
    """Log a snapshot to the study's run; on this disk it takes the place of the one before.

    W&B must never end a study: what fails is one warning. Where another process publishes the
    same study at this moment, nothing is done.

    Args:
        snapshot: What to show.
        options: Where to, and whether with images.
    """
    root = snapshot.identity.wandb_root
    mode = wandb_mode(root, options.wandb_mode).mode
    if mode == "disabled":
        return
    try:
        # A folder of its own, for whoever trains here holds the study's lock.
        with contextlib.closing(lock_folder(root / "wandb" / "study", "it is being published.")):
            _publish(snapshot, options, mode)
    except StudyError:
        return
    except Exception as error:  # Whatever W&B raises, the study is worth more.
        if mode == "online":
            remember_online_failure(error)
        LOGGER.warning(
            "W&B failed for the run of study %s (%s: %s). The same command publishes it again; "
            "gansweep report shows the study without W&B.",
            snapshot.identity.study,
            type(error).__name__,
            str(error).partition("\n")[0],
        )


def _publish(snapshot: StudySnapshot, options: TrackerOptions, mode: Mode) -> None:
    folder, name = snapshot.identity.wandb_root / "wandb", run_id(snapshot.identity)
    before = find_segments(folder, name)
    step = 0
    with contextlib.suppress(StorageError, ValueError):  # a damaged log is replaced as well
        step = what_was_logged(folder, name).next_step
    run = start_run(snapshot.identity, options, mode)
    try:
        step = max(step, run.step)  # only a server knows of steps that were removed here
        row: dict[str, Any] = {
            f"plots/{each}": wandb.Plotly(snapshot.plots[each]) for each in snapshot.plots
        }
        row["leaderboard"] = _leaderboard(snapshot, with_images=options.images)
        with staging_in(run):
            run.log(row, step=step, commit=True)
        run.summary.update(dict(snapshot.summary))
        if snapshot.winner_artifact is not None:
            _log_winner_artifact(run, snapshot.identity.study, snapshot.winner_artifact)
    except BaseException:
        run.finish(exit_code=1)
        raise
    end_run(run)
    for segment in before:
        shutil.rmtree(segment.parent)


def _leaderboard(snapshot: StudySnapshot, *, with_images: bool) -> wandb.Table:
    table = wandb.Table(columns=["grid", *snapshot.columns], allow_mixed_types=True)
    left = _THUMBNAIL_BYTES if with_images else 0
    for row, grid in zip(snapshot.rows, snapshot.grids, strict=True):
        picture = _thumbnail(grid) if grid is not None and left > 0 else None
        left -= _jpeg_bytes(picture) if picture else 0
        shown = wandb.Image(picture, file_type="jpg") if picture and left >= 0 else None
        table.add_data(shown, *row)
    return table


def _thumbnail(grid: Path) -> Image.Image | None:
    try:
        with Image.open(grid) as image:
            small = image.convert("RGB" if image.mode not in ("L", "RGB") else image.mode)
    except (OSError, ValueError):
        return None
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return small


def _jpeg_bytes(image: Image.Image) -> int:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG")
    return buffer.tell()


def _log_winner_artifact(run: wandb.Run, study: str, winner_artifact: WinnerArtifact) -> None:
    contents = ArtifactContents(
        name=f"{study}-winner",
        type="model",
        files={file.name: file for file in winner_artifact.files},
        aliases=["best", *winner_artifact.names],
        metadata=winner_artifact.metadata,
    )
    log_artifact(run, contents)
