"""Train one GAN outside any search, into a folder of the same form as a trial's."""

import dataclasses
import shutil
import signal
import uuid
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from harness.errors import StudyError
from harness.events import Answer, Event
from harness.files import read_json, write_json
from harness.gan.config import GANConfig
from harness.outcome import Outcome
from harness.tracking.tracker import TrackerOptions, TrialIdentity, open_tracker
from harness.training.folder import TrainingFolder
from harness.training.job import TrainingJob

if TYPE_CHECKING:
    from harness.training.runner import Runner  # loads TensorFlow

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
        tracker: Key of `TRACKERS`.
        tracker_options: How much it records.
    """

    config: GANConfig
    folder: TrainingFolder
    kimg: float
    begin_from: TrainingFolder | None = None
    tracker: str = "wandb"
    tracker_options: TrackerOptions = dataclasses.field(default_factory=TrackerOptions)


def prepare(training: Training) -> dict[str, Any]:
    """Make the folder ready, or check that what it holds is this training; return its record.

    Raises:
        StudyError: If the folder holds another training, or this one has ended.
    """
    folder = training.folder
    record_file = folder.path / "training.json"
    asked = {"kimg": training.kimg, "config": training.config.model_dump(mode="json")}
    if record_file.exists():
        record: dict[str, Any] = read_json(record_file)
        if {key: record.get(key) for key in asked} != asked:
            raise StudyError(
                f"{folder.path}: holds another training (to {record.get('kimg')} kimg). Choose "
                f"another --out, or remove the folder."
            )
        if folder.outcome_file.exists():
            raise StudyError(
                f"{folder.path}: this training has ended already; see {folder.outcome_file}. "
                f"Choose another --out to repeat it."
            )
        return record
    if folder.path.exists() and any(folder.path.iterdir()):
        raise StudyError(f"{folder.path}: is not empty. Choose another --out, or remove it.")
    record = {"id": str(uuid.uuid4()), **asked}
    folder.write_config(training.config)
    if training.begin_from is not None:
        _copy_state(training.begin_from, folder)
    write_json(record_file, record)
    return record


def run(training: Training, runner: "Runner", listen: Callable[[Event], None]) -> Outcome | None:
    """Train to the end; None if Ctrl-C or SIGTERM paused it, the same call goes on.

    Args:
        training: What to train.
        runner: What trains it.
        listen: Hears every event.
    """
    record = prepare(training)
    job = TrainingJob(
        config=training.config,
        folder=training.folder,
        rungs_kimg=score_points(training.kimg),
        seed=training.config.seed,
        name=training.folder.path.name,
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
    tracker = open_tracker(training.tracker, identity, training.tracker_options)
    pause = _PauseOnSignal()

    def emit(event: Event) -> Answer:
        tracker.emit(event)
        listen(event)
        return Answer.PAUSE if pause.asked else Answer.GO_ON

    with pause:
        outcome = runner.run(job, emit)
    if outcome is not None:
        training.folder.write_outcome(outcome)
    tracker.close()
    return outcome


def score_points(kimg: float) -> tuple[float, ...]:
    """Return the kimg at which a training alone is scored: eight even points, the end included."""
    return tuple(round(kimg * part / _SCORES, 3) for part in range(1, _SCORES + 1))


def _copy_state(source: TrainingFolder, target: TrainingFolder) -> None:
    files = (
        (source.checkpoint_file, target.checkpoint_file),
        (source.generator_file, target.generator_file),
        (source.discriminator_file, target.discriminator_file),
    )
    if not source.checkpoint_file.exists():
        raise StudyError(
            f"{source.path}: holds no checkpoint to go on from; only completed and unfinished "
            f"trainings keep theirs. Choose another trial."
        )
    for old, new in files:
        if old.exists():
            shutil.copyfile(old, new)


class _PauseOnSignal:
    """Note Ctrl-C and SIGTERM while a training runs, so that it can save and leave."""

    def __init__(self) -> None:
        self.asked = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> None:
        self._previous = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
