"""Train one GAN outside any search, into a folder of the same form as a trial's."""

import contextlib
import dataclasses
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import StudyError
from harness.core.events import Answer, Event, Finished
from harness.core.files import read_json, storage_error, write_bytes, write_json
from harness.core.locks import LOCK_FILE, lock_folder
from harness.core.nested import flatten
from harness.core.option_values import TrackerName, check_choices
from harness.core.outcome import Outcome
from harness.core.signals import Signals
from harness.gan.config.config import GANConfig
from harness.gan.monitor import UNMONITORED, MonitorConfig
from harness.gan.user_code.user_functions import UserFile
from harness.tracking.tracker import (
    TrackerOptions,
    TrialIdentity,
    open_tracker,
)
from harness.training.checkpoint import load_checkpoint
from harness.training.continuing import RECORD_FILE, copy_history, keep_to_data
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder
from harness.training.user_files import write_copies

if TYPE_CHECKING:
    from harness.training.calibration import Estimate
    from harness.training.runner import JobRunner  # loads TensorFlow

_SCORES = 8
"""How often a training is scored on its way."""


@dataclasses.dataclass(frozen=True)
class Training:
    """Say what to train alone.

    Args:
        config: The GAN.
        folder: Where to keep it.
        kimg: Where to end.
        begin_from: A folder whose checkpoint to go on from; None to begin anew.
        keep_history: Whether what that folder told and showed is taken over as well.
        monitor: How the training shows itself on its way.
        dataset: Key of `DATASETS`, or a scheme and a path.
        extractor: What FID sees through: a name or a folder.
        metric: What scores are: key of `OBJECTIVES`.
        num_images: How many generated images FID compares.
        files: Python files of the user's own that the configuration names.
        tracker: Key of `TRACKERS`.
        tracker_options: How much it records.
    """

    config: GANConfig
    folder: TrainingFolder
    kimg: float
    begin_from: TrainingFolder | None = None
    keep_history: bool = False
    monitor: MonitorConfig = UNMONITORED
    dataset: str = "fashion_mnist"
    extractor: str = "fashion_cnn"
    metric: str = "fid"
    num_images: int = 10_000
    files: tuple[UserFile, ...] = ()
    tracker: TrackerName = "wandb"
    tracker_options: TrackerOptions = dataclasses.field(default_factory=TrackerOptions)

    def __post_init__(self) -> None:
        check_choices(self)


@contextlib.contextmanager
def claim(training: Training) -> Iterator[dict[str, Any]]:
    """Make the folder ready as `prepare` does, and keep other processes out of it meanwhile.

    Args:
        training: What to train.

    Raises:
        StudyError: As `prepare`, or if another process is training here.
    """
    check(training)  # before the lock: where something else lies, not even that is written
    lock = lock_folder(
        training.folder.path,
        "another process is training here. Wait for it, stop it, or choose another --out.",
    )
    with contextlib.closing(lock):
        yield prepare(training)


def prepare(training: Training) -> dict[str, Any]:
    """Make the folder ready, or check that what it holds is this training; return its record.

    Raises:
        ConfigError: If there is no such tracker.
        StudyError: If the folder holds another training, or this one has ended, or there is
            nothing to go on from.
        StorageError: If the folder cannot be written.
    """
    check(training)
    folder = training.folder
    record_file = folder.path / RECORD_FILE
    if record_file.exists():
        stored: dict[str, Any] = read_json(record_file)
        return stored
    if training.begin_from is not None:
        _copy_state(training.begin_from, folder)
        if training.keep_history:
            copy_history(training.begin_from, folder)
    write_copies(folder.path, training.files)
    folder.write_config(training.config)
    monitor = training.monitor.model_dump(mode="json")
    record = {"id": str(uuid.uuid4()), **_asked(training), "monitor": monitor}
    write_json(record_file, record)  # last: the folder is a training's when this exists
    return record


def _asked(training: Training) -> dict[str, Any]:
    return {
        "kimg": training.kimg,
        "dataset": training.dataset,
        "extractor": training.extractor,
        "metric": training.metric,
        "num_images": training.num_images,
        "config": training.config.model_dump(mode="json"),
    }


def check(training: Training) -> None:
    """Raise what `prepare` raises for a training that cannot be; write nothing.

    Raises:
        ConfigError: As `prepare`.
        StudyError: As `prepare`.
    """
    folder = training.folder
    record_file = folder.path / RECORD_FILE
    source = training.begin_from
    if source is not None and (source == folder or not record_file.exists()):
        _check_source(source, kimg=training.kimg)
    if record_file.exists():
        _refuse_changes(folder, read_json(record_file), _asked(training))
        return
    if folder.path.exists() and (not folder.path.is_dir() or _holds_something(folder.path)):
        raise StudyError(
            f"{folder.path}: holds something else, which is left alone. Choose another --out."
        )


def _holds_something(folder: Path) -> bool:
    return any(path.name != LOCK_FILE for path in folder.iterdir())


def run(
    training: Training,
    record: dict[str, Any],
    *,
    runner: "JobRunner",
    listen: Callable[[Event], None],
    on_estimate: "Callable[[Estimate], None] | None" = None,
) -> Outcome | signal.Signals:
    """Train to the end; return the signal if Ctrl-C or SIGTERM paused it: the same call goes on.

    Args:
        training: What to train.
        record: What `claim` gave; the training runs inside its block.
        runner: What trains it.
        listen: Hears every event.
        on_estimate: Hears what the training will take, before it begins.

    Raises:
        StudyError: If the images are others than those it began with.
    """
    keep_to_data(training.folder.path / RECORD_FILE, record, runner.dataset)
    job = TrainingJob(
        config=training.config,
        folder=training.folder,
        rungs_kimg=score_points(training.kimg),
        seed=training.config.seed,
        name=training.folder.path.name,
        inspects=training.tracker_options.histograms,
        ends_early=False,  # it was asked for; rungs may lie too close to judge it by two of them
        monitor=training.monitor,
    )
    identity = TrialIdentity(
        study=training.folder.path.name,
        study_id=record["id"],
        trial="training",
        folder=training.folder.path,
        config=record["config"],
        tags=(training.config.family,),
        wandb_root=training.folder.path,
        job_type="train",
    )
    with (
        Signals() as signals,
        contextlib.closing(
            open_tracker(training.tracker, identity, training.tracker_options)
        ) as t,
    ):

        def emit(event: Event) -> Answer:
            if isinstance(event, Finished):  # the folder holds the truth: it hears it first
                training.folder.write_outcome(event.outcome)
            t.emit(event)
            listen(event)
            return Answer.PAUSE if signals.received else Answer.GO_ON

        outcome = runner.run(job, emit, on_estimate=on_estimate)
    return outcome or signals.received or signal.SIGINT


def score_points(kimg: float) -> tuple[float, ...]:
    """Return the kimg at which a training alone is scored: eight even points, the end included."""
    return tuple(round(kimg * part / _SCORES, 3) for part in range(1, _SCORES + 1))


def _refuse_changes(folder: TrainingFolder, record: dict[str, Any], asked: dict[str, Any]) -> None:
    old, new = dict(flatten(record)), dict(flatten(asked))
    changed = [key for key in new if old.get(key) != new[key]]
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
            f"trainings keep theirs. Choose another trial."
        )
    _, meta = load_checkpoint(source.checkpoint_file)
    if kimg <= meta["kimg"]:
        raise StudyError(
            f"{source.path}: has been trained to {meta['kimg']:g} kimg; --kimg is the total to "
            f"reach and must be greater; received {kimg:g}."
        )


def _copy_state(source: TrainingFolder, target: TrainingFolder) -> None:
    for old, new in (
        (source.generator_file, target.generator_file),
        (source.discriminator_file, target.discriminator_file),
        (source.checkpoint_file, target.checkpoint_file),
    ):
        try:
            content = old.read_bytes()
        except OSError as error:
            raise storage_error(old, error) from error
        write_bytes(new, content)
