"""Show each trial as one W&B run, fed by its events."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import wandb

from harness.core.errors import DataError, StorageError, first_line
from harness.core.events import Event, Finished, Inspection, Progressed, RungScored, Started
from harness.core.files import inside
from harness.core.outcome import Outcome, State
from harness.core.score import Score
from harness.data.image_opener import GRID_BYTES, read_grid
from harness.tracking import wandb_log
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.tracking.wandb_mode import Mode, remember_online_failure, wandb_mode
from harness.tracking.wandb_run import end_run, run_folder, start_run

LOGGER = logging.getLogger(__name__)

_PROGRESS_FIELDS = (
    wandb_log.PROGRESS_KEY,
    "discriminator_loss",
    "accuracy_real",
    "accuracy_fake",
    "images_per_second",
)
# W&B shows a run that ended with 255 as killed: neither finished nor failed, it may go on.
_INTERRUPTED = 255
# Bytes of images by W&B folder, as far as this process knows; and whose are spent: said once.
_spent: dict[Path, int] = {}
_full: set[Path] = set()


class WandbTracker:
    """One trial as a W&B run: rows against `kimg`, closed with the trial's outcome.

    The run is a view of `history.jsonl`, which must be written first. An offline log of an earlier
    session, from which a crash may have taken rows, is removed, and everything is logged again
    from the history. Online, the server says at which step it stands, and our notes what those
    steps held; only the rest is logged. So a run has neither gaps nor doubles.

    W&B must never end a study. When it fails (its service died, its disk is full), this tracker
    says so once, as a warning of the logger `harness.tracking.wandb_tracker`, and goes quiet;
    the history stays complete.

    Rows that share their `kimg` become one, so the last row waits for the next event.

    Args:
        identity: The trial.
        options: What to log, and where to.
    """

    def __init__(self, identity: TrialIdentity, options: TrackerOptions) -> None:
        self._identity = identity
        self._options = options
        self._run: wandb.Run | None = None
        self._row: dict[str, Any] = {}
        self._is_caught_up = False
        mode = wandb_mode(identity.wandb_root, options.wandb_mode).mode
        if mode == "disabled":
            return
        with self._giving_up(online=mode == "online"):
            self._run, earlier = start_run(identity, options, mode)
            self._run.define_metric("kimg")
            self._run.define_metric("*", step_metric="kimg")
            self._logged = _take_over(earlier, self._run, mode)
            _spent.pop(identity.wandb_folder, None)  # counted anew, without what was removed

    def emit(self, event: Event) -> None:
        """Log one event; after W&B failed once, do nothing."""
        if self._run is not None:
            with self._giving_up():
                self._handle(self._run, event)

    def close(self) -> None:
        """End the run, as interrupted unless it received an outcome; once."""
        if self._run is not None:
            with self._giving_up():
                self._end(self._run, _INTERRUPTED)

    def _handle(self, run: wandb.Run, event: Event) -> None:
        if not self._is_caught_up:
            self._is_caught_up = True
            for past in read_history(self._identity.folder / HISTORY_NAME):
                if isinstance(past, Progressed | RungScored):
                    self._log(run, past)
        match event:
            case Started():
                for key in ("generator_parameters", "discriminator_parameters"):
                    run.summary[key] = getattr(event, key)
            case Finished():
                self._commit(run)
                run.summary.update(_summarize(event.outcome))
                self._end(run, int(event.outcome.state is State.FAILED))
                wandb_log.note_end(run_folder(run), event.outcome.reason.value)
            case Progressed() | RungScored():
                self._log(run, event)

    def _log(self, run: wandb.Run, event: Progressed | RungScored) -> None:
        if self._logged.holds(event.kimg, is_rung=isinstance(event, RungScored)):
            return
        # Where the network stood when it was scored: behind the rung by up to a batch, and so
        # never before the row of progress that led there.
        kimg = event.score.kimg if isinstance(event, RungScored) else event.kimg
        if self._row and self._row["kimg"] != kimg:
            self._commit(run)
        if isinstance(event, Progressed):
            self._row |= {name: getattr(event, name) for name in _PROGRESS_FIELDS}
        else:
            name = event.score.protocol.name
            run.define_metric(name, step_metric="kimg", summary="min")
            self._row |= {wandb_log.RUNG_KEY: event.rung, wandb_log.RUNG_KIMG_KEY: event.kimg}
            self._row[name] = event.score.value
            self._row |= {f"best_{name}": event.best.value, **_bounds(name, event.score)}
            self._row |= self._picture(event.grid)
            self._row |= _describe(event.inspection)
        self._row["kimg"] = kimg
        self._logged.add(self._row)

    def _picture(self, grid: str) -> dict[str, Any]:
        if not (self._options.images and grid):
            return {}
        path = self._identity.folder / grid
        try:
            # A history may name any file of this machine.
            if inside(self._identity.folder, grid, most_bytes=GRID_BYTES) is None:
                LOGGER.warning("%s: the sample grid is missing; W&B goes without it.", path)
                return {}
            read_grid(path)  # W&B opens whatever format the content is
        except (DataError, StorageError) as error:
            LOGGER.warning("%s W&B goes without it.", error)
            return {}
        root, limit = self._identity.wandb_folder, self._options.image_megabytes
        if spend_image_bytes(root, path.stat().st_size, limit_megabytes=limit):
            return {"grid": wandb.Image(str(path))}
        if root not in _full:
            _full.add(root)
            LOGGER.warning(
                "W&B gets no more sample grids of study %s: those in %s take %g MB, the most that "
                "they may. Further ones lie in the trials' folders alone.",
                self._identity.study,
                root,
                limit,
            )
        return {}

    def _commit(self, run: wandb.Run) -> None:
        if self._row:
            wandb_log.note_row(run_folder(run), self._row, self._logged.next_step)
            # What the server holds already is noted again where our notes of it were lost.
            if self._logged.next_step >= run.starting_step:
                run.log(self._row, step=self._logged.next_step, commit=True)
            self._logged.next_step += 1
            self._row = {}

    def _end(self, run: wandb.Run, exit_code: int) -> None:
        self._commit(run)
        self._run = None
        end_run(run, exit_code)

    @contextlib.contextmanager
    def _giving_up(self, *, online: bool = False) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Whatever W&B raises, the training is worth more.
            if online:
                remember_online_failure(error)
            self._run = None
            # Its own log may lie on the disk that is full: what it cannot write, it would print.
            logging.getLogger("wandb").setLevel(logging.CRITICAL)
            LOGGER.warning(
                "W&B failed for trial %s of study %s and gets no more of it (%s: %s). "
                "Training goes on; %s has everything.",
                self._identity.trial,
                self._identity.study,
                type(error).__name__,
                first_line(error),
                self._identity.folder / HISTORY_NAME,
            )


def spend_image_bytes(wandb_folder: Path, size: int, *, limit_megabytes: float) -> bool:
    """Count an image of so many bytes that W&B is about to copy, if there is room for it.

    Looks at the disk when a run begins. Several processes may therefore exceed the limit, each by
    what the others add meanwhile.
    """
    if wandb_folder not in _spent:
        images = wandb_folder.glob("*run-*/files/media/images/**/*.*")
        _spent[wandb_folder] = sum(image.stat().st_size for image in images)
    if _spent[wandb_folder] + size > limit_megabytes * 1e6:
        return False
    _spent[wandb_folder] += size
    return True


def _take_over(earlier: list[Path], run: wandb.Run, mode: Mode) -> wandb_log.Logged:
    """Return which rows W&B holds of earlier sessions; what is to be logged anew is removed."""
    online = [folder for folder in earlier if not wandb_log.is_offline(folder)]
    if mode == "online":
        # The server says how far it came: a crash may have kept rows from it. Not by `step`,
        # which is 0 until the first row of a session.
        logged = wandb_log.rows_given(online or earlier, before=run.starting_step)
    else:
        logged = wandb_log.rows_given(online)
    wandb_log.remove_offline(earlier)
    return logged


def _describe(inspection: Inspection | None) -> dict[str, Any]:
    """Return W&B's histograms and the norms of gradients, under a heading each."""
    if inspection is None:
        return {}
    row: dict[str, Any] = {
        f"gradient_norm/{name}": norm for name, norm in inspection.gradient_norms.items()
    }
    for name, each in inspection.weights.items():
        edges = np.linspace(each.low, each.high, len(each.counts) + 1)
        row[f"weights/{name}"] = wandb.Histogram(np_histogram=(np.array(each.counts), edges))
    return row


def _summarize(outcome: Outcome) -> dict[str, Any]:
    end = {"state": outcome.state.value, "reason": outcome.reason.value, "detail": outcome.detail}
    summary: dict[str, Any] = {
        "outcome": end,
        "kimg": outcome.kimg,
        "duration_seconds": outcome.duration_seconds,
    }
    scores = [("best", outcome.best), ("final", outcome.final)]
    for kind, score in [*scores, *(("test", test) for test in outcome.tests)]:
        if score is not None:
            name = f"{kind}_{score.protocol.name}"
            summary |= {name: score.value, **_bounds(name, score)}
            prefix = "test_" if kind == "test" else ""
            summary[f"{prefix}protocol_fingerprint"] = score.protocol.fingerprint
    if outcome.best is not None:
        # W&B takes the minimum within one segment; a resumed run has several.
        summary[outcome.best.protocol.name] = {"min": outcome.best.value}
    return summary


def _bounds(name: str, score: Score) -> dict[str, float]:
    """Return the ends of a score's 95 % interval under names of their own."""
    if score.interval is None:
        return {}
    return {f"{name}_low": score.interval[0], f"{name}_high": score.interval[1]}
