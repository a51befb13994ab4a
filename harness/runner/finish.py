"""The last stage of a study: its leaders trained on, each from its checkpoint."""

import shutil
from pathlib import Path

from harness.core.files import read_json, write_json
from harness.gan.config.config import GANConfig
from harness.gan.config.sections import ScheduleConfig
from harness.space.settings import FinishSettings
from harness.study.leaderboard import Entry, rank, read_entries
from harness.study.own_folders import FINISHES
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.training_folder import TrainingFolder

_PLAN = "finish.json"
"""A finish has begun when this stands in its folder; it goes on by what it says."""

_MOST_BEYOND = 4
"""So many times an estimate a finish that ends by time may be long."""


class Finish:
    """The finish of one study.

    Args:
        settings: How long it is; None for none.
        study_folder: The study.
    """

    def __init__(self, settings: FinishSettings | None, study_folder: Path) -> None:
        self._settings = settings
        self._folder = study_folder
        self._begun: set[str] = set()

    def open_leaders(self) -> list[Entry]:
        """Return the leaders whose finish has not ended; no trial may be with a worker.

        A leader without a checkpoint cannot go on, and no other takes its place.
        """
        if self._settings is None:
            return []
        ranked = rank(read_entries(self._folder))
        leaders = [each for each in ranked if each.is_trial and each.outcome.competes]
        return [
            leader
            for leader in leaders[: self._settings.leaders]
            if not self.folder_of(leader).outcome_file.exists()
            and (leader.folder.checkpoint_file.exists() or self._plan_file(leader).exists())
        ]

    def next_leader(self) -> Entry | None:
        """Return the best leader whose finish was not handed out yet."""
        for leader in self.open_leaders():
            if leader.name not in self._begun:
                self._begun.add(leader.name)
                return leader
        return None

    def folder_of(self, leader: Entry) -> TrainingFolder:
        """Return the folder in which a leader is trained on."""
        return TrainingFolder(self._folder / FINISHES / leader.name)

    def prepare(
        self, leader: Entry, *, kimg: float, is_timed: bool = False
    ) -> tuple[GANConfig, tuple[float, ...]]:
        """Make a finish ready where it has not begun; return what to train, and its rungs.

        Args:
            leader: Who is trained on.
            kimg: How far, in thousands of images beyond its checkpoint.
            is_timed: Whether that is an estimate, and it ends by time: the rungs go on.

        Raises:
            StorageError: If its checkpoint cannot be read, or its folder not be written.
        """
        folder, plan, settings = self.folder_of(leader), self._plan_file(leader), self._settings
        config = folder.read_config()
        if config is None or settings is None or not plan.exists():
            settings = settings or FinishSettings()
            state, meta = load_checkpoint(leader.folder.checkpoint_file)
            start = float(meta["kimg"])
            config = finish_config(leader.config, settings, end=start + kimg, kimg=kimg)
            meta |= {"config": config.model_dump(mode="json"), "seconds": 0.0}
            save_checkpoint(folder.checkpoint_file, state, meta)
            for file in (leader.folder.generator_file, leader.folder.discriminator_file):
                shutil.copyfile(file, folder.path / file.name)
            folder.write_config(config)
            count = settings.rungs * (_MOST_BEYOND if is_timed else 1)
            rungs = [start + kimg * part / settings.rungs for part in range(1, count + 1)]
            write_json(plan, {"rungs_kimg": [round(rung, 3) for rung in rungs]})
        return config, tuple(float(rung) for rung in read_json(plan)["rungs_kimg"])

    def _plan_file(self, leader: Entry) -> Path:
        return self.folder_of(leader).path / _PLAN


def finish_config(
    config: GANConfig, settings: FinishSettings, *, end: float, kimg: float
) -> GANConfig:
    """Return a configuration for training on: with full learning rates, or falling at the end.

    Args:
        config: The leader's.
        settings: What the finish is like.
        end: Where it ends, in kimg.
        kimg: How long it is.
    """
    if not settings.decay and config.schedule.name == "constant":
        return config
    schedule = ScheduleConfig(
        name="linear",
        hold_kimg=end - settings.decay * kimg,
        decay_kimg=end + (not settings.decay),
        final_share=0.0 if settings.decay else 1.0,
    )
    return config.model_copy(update={"schedule": schedule})
