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

from harness.core.errors import DataError, StudyError, first_line
from harness.core.locks import lock_folder
from harness.data.image_opener import read_grid
from harness.tracking import wandb_run
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.wandb_log import note_row, rows_given
from harness.tracking.wandb_mode import Mode, remember_online_failure, wandb_mode
from harness.tracking.wandb_run import ArtifactContents

LOGGER = logging.getLogger(__name__)

_THUMBNAIL_SIDE = 160
_THUMBNAIL_BYTES = 2_000_000
"""What all thumbnails of a leaderboard may take; the last of a very long one have none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudySnapshot:
    """What the run of a study shows.

    Args:
        identity: Names the run; the trial is called `study`.
        columns: Names of the leaderboard's columns.
        rows: A row a training, best first, by columns: numbers, strings or None.
        grids: The sample grid of each row; None where there is none.
        plots: Plotly figures by name.
        summary: What the run's summary says, nested.
        winner: Files of the winner and its scores; None before there is one.
    """

    identity: TrialIdentity
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    grids: Sequence[Path | None]
    plots: Mapping[str, Any]
    summary: Mapping[str, Any]
    winner: ArtifactContents | None


def publish_study(snapshot: StudySnapshot, options: TrackerOptions) -> None:
    """Log a snapshot to the study's run; on this disk it takes the place of the one before.

    W&B must never end a study: what fails is one warning. Where another process publishes the
    same study at this moment, nothing is done.
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
            first_line(error),
        )


def _publish(snapshot: StudySnapshot, options: TrackerOptions, mode: Mode) -> None:
    run, before = wandb_run.start_run(snapshot.identity, options, mode)
    try:
        # Only a server knows of steps that were removed here.
        step = max(rows_given(before).next_step, run.starting_step)
        row: dict[str, Any] = {
            f"plots/{name}": wandb.Plotly(plot) for name, plot in snapshot.plots.items()
        }
        row["leaderboard"] = _leaderboard(snapshot, with_images=options.images)
        note_row(wandb_run.run_folder(run), row, step)
        with wandb_run.staging_in(run):
            run.log(row, step=step, commit=True)
        run.summary.update(dict(snapshot.summary))
        if snapshot.winner is not None:
            wandb_run.log_artifact(run, snapshot.winner)
    except BaseException:
        run.finish(exit_code=1)
        raise
    wandb_run.end_run(run)
    for folder in before:
        shutil.rmtree(folder)


def _leaderboard(snapshot: StudySnapshot, *, with_images: bool) -> wandb.Table:
    table = wandb.Table(columns=["grid", *snapshot.columns], allow_mixed_types=True)
    left = _THUMBNAIL_BYTES if with_images else 0
    for row, grid in zip(snapshot.rows, snapshot.grids, strict=True):
        picture = _thumbnail(grid) if grid is not None and left > 0 else None
        if picture is not None:
            buffer = io.BytesIO()
            picture.save(buffer, format="JPEG")
            left -= buffer.tell()
        shown = wandb.Image(picture, file_type="jpg") if picture and left >= 0 else None
        table.add_data(shown, *row)
    return table


def _thumbnail(grid: Path) -> Image.Image | None:
    try:
        small = read_grid(grid)
    except DataError:
        return None
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return small
