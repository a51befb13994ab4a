"""Name the files of one training's folder, and read and write the ones that state facts."""

import dataclasses
from pathlib import Path

from harness.core.errors import StorageError
from harness.core.files import inside, read_json, write_json, write_text
from harness.core.outcome import Outcome, State
from harness.core.yaml_file import dump_yaml
from harness.gan.config.config import GANConfig
from harness.gan.presets import load_config


class _File:
    """A file of a fixed name in a folder; as an attribute of a folder, its path."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: "TrainingFolder", owner: type) -> Path:
        return folder.path / self._name


@dataclasses.dataclass(frozen=True)
class TrainingFolder:
    """The folder of a trial, a baseline or a single training; all have this form.

    Args:
        path: The folder; it is made when the first file is written.
    """

    path: Path

    config_file = _File("config.yaml")
    """Where the configuration stands, stored before training starts."""

    checkpoint_file = _File("checkpoint.npz")
    """Where the whole state of an unfinished or finished training stands."""

    @property
    def previous_checkpoint_file(self) -> Path:
        """Return where the checkpoint before that one stands, for when it is damaged."""
        return previous_file(self.checkpoint_file)

    generator_file = _File("generator.keras")
    """Where the EMA generator of the best rung stands."""

    discriminator_file = _File("discriminator.keras")
    """Where the discriminator of the best rung stands."""

    outcome_file = _File("outcome.json")
    """Where the outcome stands; while it does not exist the training is unfinished."""

    standing_file = _File("standing.json")
    """Where an unfinished training keeps what its kept generator scored."""

    def grid_file(self, kimg: float) -> Path:
        """Return where the sample grid of a rung stands."""
        # Whole kimg without decimals; "_" sorts behind ".", so that names sort by kimg.
        number = f"{kimg:010.3f}".removesuffix(".000").replace(".", "_")
        return self.path / "grids" / f"kimg_{number}.png"

    def sample_file(self, unit: str, number: int) -> Path:
        """Return where the sample grid after an epoch or batch stands, beside those of rungs."""
        return self.path / "samples" / f"{unit}_{number:06d}.png"

    def pictures(self, room: str) -> list[Path]:
        """Return the PNG files in `grids` or `samples` by name; none where that is a link."""
        folder = self.path / room
        return [] if folder.is_symlink() else sorted(folder.glob("*.png"))

    losses_file = _File("losses.jsonl")
    """Where a training alone keeps its losses, for the picture of them."""

    loss_plot_file = _File("losses.png")
    """Where the picture of the losses stands."""

    def write_config(self, config: GANConfig) -> None:
        """Store the configuration.

        Raises:
            StorageError: If it cannot be written.
        """
        write_text(self.config_file, dump_yaml(config.model_dump(mode="json")))

    def read_config(self) -> GANConfig | None:
        """Return the stored configuration; None before it was stored.

        Raises:
            ConfigError: If it cannot be read or is damaged.
            StorageError: If it is a link to somewhere else, or no file.
        """
        file = inside(self.path, self.config_file.name)
        return load_config(file, kept=True) if file else None

    def write_outcome(self, outcome: Outcome) -> None:
        """Store the outcome: from now on the training counts as ended.

        Raises:
            StorageError: If it cannot be written.
        """
        write_json(self.outcome_file, outcome.to_dict())
        self.standing_file.unlink(missing_ok=True)
        self.previous_checkpoint_file.unlink(missing_ok=True)
        if outcome.state is State.FAILED:
            self.checkpoint_file.unlink(missing_ok=True)  # it will never go on

    def remove_networks(self) -> None:
        """Remove what training on and sampling would need; what states facts is kept."""
        for file in (
            self.checkpoint_file,
            self.previous_checkpoint_file,
            self.generator_file,
            self.discriminator_file,
        ):
            file.unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Remove the unfinished files of a process that was killed while it wrote them."""
        for pattern in (".*.tmp.*", "grids/.*.tmp.*", "samples/.*.tmp.*"):
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)

    def read_outcome(self) -> Outcome | None:
        """Return the stored outcome; None for an unfinished training.

        Raises:
            StorageError: If it cannot be read or is damaged.
        """
        return self._read_outcome(self.outcome_file)

    def write_standing(self, standing: Outcome) -> None:
        """Store where an unfinished training stands.

        Raises:
            StorageError: If it cannot be written.
        """
        write_json(self.standing_file, standing.to_dict())

    def read_standing(self) -> Outcome | None:
        """Return where an unfinished training stood at its last rung; None before the first.

        Raises:
            StorageError: If it cannot be read or is damaged.
        """
        return self._read_outcome(self.standing_file)

    def _read_outcome(self, file: Path) -> Outcome | None:
        if inside(self.path, file.name) is None:
            return None
        record = read_json(file)
        try:
            return Outcome.from_dict(record)
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"{file}: expected the outcome of a training; received something else "
                f"({type(error).__name__}: {error}). Restore it from a copy, or remove it: the "
                f"training then goes on from its checkpoint, or anew."
            ) from error


def previous_file(checkpoint: Path) -> Path:
    """Return where the checkpoint before the one at a path stands."""
    return checkpoint.with_name(f"{checkpoint.stem}.previous{checkpoint.suffix}")
