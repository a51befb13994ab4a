"""Take a training up where its checkpoints stand, or anew where both are damaged."""

import dataclasses
from typing import Self

from harness.core.errors import ConfigError, DamagedError, StorageError
from harness.core.score import Score
from harness.core.validation import fault_error
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_faults
from harness.gan.trainer import Trainer
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.health import Health
from harness.training.job import TrainingJob


@dataclasses.dataclass
class Position:
    """Where a training stands, beside the variables of its networks.

    Args:
        health: What judging it remembers.
        scored_kimg: The last rung scored.
        seconds: Time spent on it, interruptions left out.
        best: Its best rung score so far.
    """

    health: Health
    scored_kimg: float = 0.0
    seconds: float = 0.0
    best: Score | None = None

    @classmethod
    def at_start(cls, job: TrainingJob) -> Self:
        """Return where every training begins."""
        return cls(Health(job.config.loss.name))


def save(job: TrainingJob, trainer: Trainer, position: Position) -> None:
    """Write the checkpoint of a training.

    Raises:
        StorageError: If it cannot be written.
    """
    meta = {
        "config": job.config.model_dump(mode="json"),
        "kimg": trainer.kimg,
        "scored_kimg": position.scored_kimg,
        "seconds": position.seconds,
        "best": position.best.to_dict() if position.best else None,
        "health": dataclasses.asdict(position.health),
    }
    save_checkpoint(job.folder.checkpoint_file, trainer.state(), meta)


def restore(job: TrainingJob, trainer: Trainer) -> tuple[Position, str]:
    """Load the newest sound checkpoint into a trainer; return where it stands, and a note.

    Damaged files are removed, so that they never take the place of a sound one.

    Returns:
        The position, and a sentence about checkpoints that were damaged, or nothing.

    Raises:
        StorageError: If a file cannot be read, or is another training's.
    """
    folder = job.folder
    faults = []
    for path in (folder.checkpoint_file, folder.previous_checkpoint_file):
        if not path.exists():
            continue
        try:
            state, meta = load_checkpoint(path)
            renamed = renamed_faults(meta["config"])
            if renamed:
                raise StorageError(str(fault_error(str(path), renamed)))
            # Settings that came after it was written have their defaults.
            if GANConfig.model_validate(meta["config"]) != job.config:
                raise StorageError(
                    f"{path}: belongs to another configuration than {folder.config_file}. "
                    f"Remove the checkpoint to begin anew, or choose another folder."
                )
            position = Position(
                health=Health(**meta["health"]),
                scored_kimg=float(meta["scored_kimg"]),
                seconds=float(meta["seconds"]),
                best=Score.from_dict(meta["best"]) if meta["best"] else None,
            )
            trainer.load_state(state)
        except (ConfigError, DamagedError, KeyError, TypeError, ValueError) as error:
            faults.append(f"{path.name} was damaged ({error})")
            path.unlink()
            continue
        went_on = f"training went on from {path.name} at {trainer.kimg:g} kimg"
        return position, "; ".join([*faults, went_on]) if faults else ""
    return Position.at_start(job), "; ".join([*faults, "training began anew"]) if faults else ""
