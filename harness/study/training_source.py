"""Find what a training alone begins from: a preset, a file, a study's trial or another one."""

import dataclasses
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.monitor import UNMONITORED, MonitorConfig, parse_cadence
from harness.gan.presets import PRESETS, read_config, read_preset
from harness.gan.user_code.user_functions import NO_FUNCTIONS, UserFunctions, kept_functions
from harness.study.leaderboard import find_entry
from harness.study.own_folders import refuse_foreign
from harness.study.record import StudyRecord, find_study, read_study
from harness.training.earlier_training import (
    NAME_KEY,
    Earlier,
    default_folder,
    read_training,
)
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class Start:
    """What a training begins from.

    Args:
        config: The GAN.
        name: What its folder is called after.
        monitor: How it shows itself on its way.
        begin_from: A folder whose checkpoint to go on from; None to begin anew.
        earlier: The training to go on from where it was one alone.
        measure: Data set and scoring to keep, by the names of `Training`'s fields.
        images: What is recorded of the images it saw, by the keys of a training's record.
        functions: Functions of the user's own that the configuration names.
        note: What there is to say of it; empty where nothing is.
        study: The study that it goes on from a trial of, if it does.
    """

    config: GANConfig
    name: str
    monitor: MonitorConfig = UNMONITORED
    begin_from: TrainingFolder | None = None
    earlier: Earlier | None = None
    measure: dict[str, Any] = dataclasses.field(default_factory=dict)
    images: dict[str, Any] = dataclasses.field(default_factory=dict)
    functions: UserFunctions = NO_FUNCTIONS
    note: str = ""
    study: StudyRecord | None = None

    def folder_for(self, seed: int, kimg: float) -> Path:
        """Return the folder of a training to a total, where none was asked for."""
        if self.earlier is not None:
            return default_folder(self.earlier.folder.path, kimg)
        seeded = "" if self.begin_from is not None else f"-seed{seed}"
        return Path("trainings") / f"{self.name}{seeded}-{kimg:g}kimg"


def find_start(
    *,
    preset: str | None,
    config: Path | None,
    from_study: str | None,
    continue_from: Path | None,
    studies_dir: Path,
) -> Start:
    """Return what to begin from.

    Args:
        preset: Name of a preset.
        config: YAML of a configuration.
        from_study: `STUDY` or `STUDY:TRIAL`.
        continue_from: Folder of a training alone.
        studies_dir: Where the studies lie.

    Raises:
        ConfigError: If not exactly one is given, or it is faulty.
        StudyError: If there is no such study, trial or training.
    """
    options = {
        "--preset": preset,
        "--config": config,
        "--from": from_study,
        "--continue": continue_from,
    }
    given = [option for option, value in options.items() if value is not None]
    if len(given) != 1:
        raise ConfigError(
            f"Expected exactly one of --preset, --config, --from and --continue; received "
            f"{', '.join(given) or 'none'}. Presets are {', '.join(PRESETS)}."
        )
    if preset is not None:
        file = read_preset(preset)
        return Start(file.config, preset, file.monitor)
    if config is not None:
        file = read_config(config)
        return Start(file.config, config.stem, file.monitor, functions=file.functions)
    if from_study is not None:
        return _start_from_study(from_study, studies_dir)
    return _start_from_training(Path(str(continue_from)))


def with_cadences(
    monitor: MonitorConfig, print_every: str | None, sample_every: str | None
) -> MonitorConfig:
    """Return a monitor with the cadences that a command's options say.

    Raises:
        ConfigError: If one of them is no cadence.
    """
    asked = {
        "print_every": print_every and parse_cadence(print_every, "--print-every"),
        "sample_every": sample_every and parse_cadence(sample_every, "--sample-every"),
    }
    return monitor.model_copy(update={key: value for key, value in asked.items() if value})


def _start_from_study(text: str, studies_dir: Path) -> Start:
    """Return a trial or the winner; what goes on from one is scored as its study was."""
    name, _, trial = text.partition(":")
    if trial and not trial.isdecimal():
        raise ConfigError(f"--from: expected STUDY or STUDY:NUMBER; received {text!r}.")
    study = find_study(studies_dir, name)
    refuse_foreign(study)
    entry = find_entry(study, int(trial) if trial else None)
    record = read_study(study)
    return Start(
        entry.config,
        text.replace(":", "-"),
        begin_from=entry.folder,
        measure={
            "dataset": record.dataset,
            "extractor": record.extractor,
            "metric": record.protocol["metric"],
            "num_images": record.protocol["num_images"],
        },
        study=record,
        images={
            "dataset": record.dataset,
            NAME_KEY: str(record.protocol["reference"]).partition("/")[0],
        },
        functions=kept_functions(study, entry.config),
        note=f"Goes on from trial {entry.name}, whose kept generator stands {entry.stands}.",
    )


def _start_from_training(path: Path) -> Start:
    earlier = read_training(path)
    return Start(
        earlier.config,
        path.name,
        monitor=earlier.monitor,
        begin_from=earlier.folder,
        earlier=earlier,
        measure=earlier.measure,
        images=earlier.record,
        functions=kept_functions(path, earlier.config),
    )
