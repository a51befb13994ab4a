"""Train one GAN outside any search, into a folder of the same form as a trial's, or go on."""

import contextlib
import signal
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import StudyError
from harness.core.events import Answer, Event, Finished
from harness.core.files import (
    NETWORK_BYTES,
    inside,
    read_json,
    storage_error,
    write_bytes,
    write_json,
)
from harness.core.locks import LOCK_FILE, lock_folder
from harness.core.nested import flatten
from harness.core.outcome import Outcome
from harness.core.signals import Signals
from harness.core.validation import raise_faults
from harness.data.request import DatasetRequest
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_faults
from harness.gan.monitor import UNMONITORED, MonitorConfig
from harness.gan.user_code.user_functions import write_copies
from harness.tracking.identity import TrialIdentity
from harness.tracking.jsonl_tracker import HISTORY_NAME
from harness.tracking.tracker import Tracker
from harness.training.checkpoint import load_checkpoint
from harness.training.earlier_training import DATA_KEY, NAME_KEY, RECORD_FILE, check_same_data
from harness.training.job import TrainingJob, WorkerSetup
from harness.training.training_folder import TrainingFolder

if TYPE_CHECKING:
    from harness.training.calibration import Estimate
    from harness.training.context import TrainingContext  # loads TensorFlow

_SCORES = 8
"""How often a training is scored on its way."""


def copy_history(source: TrainingFolder, target: TrainingFolder) -> None:
    """Copy the history, losses and grids of a training, so that curves begin at its beginning."""
    files = [source.path / HISTORY_NAME, source.losses_file]
    files += source.pictures("grids") + source.pictures("samples")
    _copy(files, source, target)


def standalone_job(
    config: GANConfig,
    folder: TrainingFolder,
    kimg: float,
    *,
    monitor: MonitorConfig = UNMONITORED,
    inspects: bool = False,
) -> TrainingJob:
    """Return the job of a training that no search asks for, scored at eight even points.

    Args:
        config: The GAN.
        folder: Where to keep it.
        kimg: Where to end.
        monitor: How it shows itself on its way.
        inspects: Whether weights and gradients are described at rungs.
    """
    return TrainingJob(
        config=config,
        folder=folder,
        rungs_kimg=tuple(round(kimg * part / _SCORES, 3) for part in range(1, _SCORES + 1)),
        seed=config.seed,
        name=folder.path.name,
        inspects=inspects,
        ends_early=False,  # it was asked for; rungs may lie too close to judge it by two of them
        monitor=monitor,
    )


@contextlib.contextmanager
def claim(
    job: TrainingJob,
    setup: WorkerSetup,
    *,
    begin_from: TrainingFolder | None = None,
    keep_history: bool = False,
) -> Iterator[dict[str, Any]]:
    """Make the folder ready as `prepare` does, and keep other processes out of it meanwhile.

    Raises:
        StudyError: As `prepare`, or if another process is training here.
    """
    # Before the lock: where something else lies, not even that is written.
    check(job, setup, begin_from)
    lock = lock_folder(
        job.folder.path,
        "another process is training here. Wait for it, stop it, or choose another --out.",
    )
    with contextlib.closing(lock):
        yield prepare(job, setup, begin_from=begin_from, keep_history=keep_history)


def prepare(
    job: TrainingJob,
    setup: WorkerSetup,
    *,
    begin_from: TrainingFolder | None = None,
    keep_history: bool = False,
) -> dict[str, Any]:
    """Make the folder ready, or check that what it holds is this training; return its record.

    Args:
        job: What to train.
        setup: Its data set, how it is scored, and the files that its configuration names.
        begin_from: A folder whose checkpoint to go on from; None to begin anew.
        keep_history: Whether that folder's history, losses and grids are taken over as well.

    Raises:
        StudyError: If the folder holds another training, or this one has ended, or there is
            nothing to go on from.
        StorageError: If the folder cannot be written.
    """
    check(job, setup, begin_from)
    folder = job.folder
    record_file = folder.path / RECORD_FILE
    if record_file.exists():
        stored: dict[str, Any] = read_json(record_file)
        return stored | {"dataset": str(setup.dataset)}  # where it lies now
    if begin_from is not None:
        files = (
            begin_from.generator_file,
            begin_from.discriminator_file,
            begin_from.checkpoint_file,
        )
        _copy(files, begin_from, folder)
        if keep_history:
            copy_history(begin_from, folder)
    write_copies(folder.path, setup.functions.files)
    folder.write_config(job.config)
    monitor = job.monitor.model_dump(mode="json")
    record = {"id": str(uuid.uuid4()), **_asked(job, setup), "monitor": monitor}
    write_json(record_file, record)  # last: the folder is a training's when this exists
    return record


def _asked(job: TrainingJob, setup: WorkerSetup) -> dict[str, Any]:
    return {
        "kimg": job.rungs_kimg[-1],
        "dataset": str(setup.dataset),
        "extractor": setup.extractor,
        "metric": setup.metric,
        "num_images": setup.num_images,
        "config": job.config.model_dump(mode="json"),
    }


def check(job: TrainingJob, setup: WorkerSetup, begin_from: TrainingFolder | None) -> None:
    """Raise what `prepare` raises for a training that cannot be; write nothing.

    Raises:
        StudyError: As `prepare`.
    """
    folder = job.folder
    record_file = folder.path / RECORD_FILE
    if begin_from is not None and (begin_from == folder or not record_file.exists()):
        _check_source(begin_from, kimg=job.rungs_kimg[-1])
    if record_file.exists():
        _refuse_changes(folder, read_json(record_file), _asked(job, setup))
        return
    path = folder.path
    if path.exists() and (
        not path.is_dir() or any(each.name != LOCK_FILE for each in path.iterdir())
    ):
        raise StudyError(
            f"{folder.path}: holds something else, which is left alone. Choose another --out."
        )


def run(
    job: TrainingJob,
    record: dict[str, Any],
    context: "TrainingContext",
    *,
    open_tracker: Callable[[], Tracker],
    listen: Callable[[Event], None],
    on_estimate: "Callable[[Estimate], None] | None" = None,
) -> Outcome | signal.Signals:
    """Train to the end; return the signal if Ctrl-C or SIGTERM paused it: the same call goes on.

    Args:
        job: What to train.
        record: What `claim` gave; the training runs inside its block.
        context: What it is trained with and scored by.
        open_tracker: Returns what records every event.
        listen: Gets every event after it.
        on_estimate: Gets what the training will take, before it begins.

    Raises:
        StudyError: If the images are others than those it began with.
    """
    from harness.training.loop import run_job  # loads TensorFlow

    folder = job.folder.path
    check_same_data(folder, record, context.dataset)
    seen = {DATA_KEY: context.dataset.train.sha256, NAME_KEY: context.dataset.name}
    write_json(folder / RECORD_FILE, record | seen)
    with Signals() as signals, contextlib.closing(open_tracker()) as tracker:

        def emit(event: Event) -> Answer:
            if isinstance(event, Finished):  # the folder holds the truth: it is written first
                job.folder.write_outcome(event.outcome)
            tracker.emit(event)
            listen(event)
            return Answer.PAUSE if signals.received else Answer.GO_ON

        outcome = run_job(job, context, emit, on_estimate=on_estimate)
    return outcome or signals.received or signal.SIGINT


def identity_of(job: TrainingJob, record: dict[str, Any]) -> TrialIdentity:
    """Return how trackers name a training that no search asked for."""
    path = job.folder.path
    return TrialIdentity(
        study=path.name,
        study_id=record["id"],
        trial="training",
        folder=path,
        config=record["config"],
        tags=(job.config.family,),
        wandb_root=path,
        job_type="train",
    )


def _refuse_changes(folder: TrainingFolder, record: dict[str, Any], asked: dict[str, Any]) -> None:
    raise_faults(str(folder.path / RECORD_FILE), renamed_faults(record.get("config") or {}))
    old, new = dict(flatten(record)), dict(flatten(asked))
    changed = [key for key in new if old.get(key) != new[key]]
    if "dataset" in changed and DATA_KEY in record:  # by which moved images are known later
        places = [DatasetRequest.parse(str(each["dataset"])) for each in (record, asked)]
        if places[0].is_but_elsewhere(places[1]):
            changed.remove("dataset")
    if changed:
        lines = (f"\n  {key}: {old.get(key)} -> {new[key]}" for key in changed)
        raise StudyError(
            f"{folder.path}: holds another training.{''.join(lines)}\nGo on with the settings it "
            f"has, or choose another --out."
        )
    if folder.outcome_file.exists():
        raise StudyError(
            f"{folder.path}: this training has ended already; see {folder.outcome_file}. "
            f"Choose another --out to repeat it."
        )


def _check_source(source: TrainingFolder, *, kimg: float) -> None:
    if not source.checkpoint_file.exists():
        raise StudyError(
            f"{source.path}: holds no checkpoint to go on from; only completed and unfinished "
            f"trainings and a study's leaders keep theirs. Choose another trial."
        )
    _, meta = load_checkpoint(source.checkpoint_file)
    if kimg <= meta["kimg"]:
        raise StudyError(
            f"{source.path}: has been trained to {meta['kimg']:g} kimg; --kimg is the total to "
            f"reach and must be greater; received {kimg:g}."
        )


def _copy(files: Iterable[Path], source: TrainingFolder, target: TrainingFolder) -> None:
    """Copy the files that there are, whose own they are: what a link leads to is not copied."""
    for file in files:
        name = file.relative_to(source.path)
        if inside(source.path, name, most_bytes=NETWORK_BYTES) is None:
            continue
        try:
            content = file.read_bytes()
        except OSError as error:
            raise storage_error(file, error) from error
        write_bytes(target.path / name, content)
