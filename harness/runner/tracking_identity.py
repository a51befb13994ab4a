"""Name the trainings of a study to its trackers, the same way whoever opens them."""

from pathlib import Path

from harness.gan.config.config import GANConfig
from harness.space.space import SearchSpace
from harness.study.leaderboard import BASELINE_PREFIX
from harness.study.record import StudyRecord
from harness.tracking.tracker import TrialIdentity


def identify(
    record: StudyRecord, space: SearchSpace, *, name: str, folder: Path, config: GANConfig
) -> TrialIdentity:
    """Return what trackers are told of a training.

    Args:
        record: The study it belongs to.
        space: What the study searches.
        name: Trial number with four digits, or `baseline-` and the preset's name.
        folder: The training's folder, two levels below the study's.
        config: What is trained.
    """
    is_baseline = name.startswith(BASELINE_PREFIX)
    return TrialIdentity(
        study=record.name,
        study_id=record.id,
        trial=name,
        folder=folder,
        config=config.model_dump(mode="json"),
        tags=(config.family, "baseline" if is_baseline else space.sampler.name),
        wandb_root=folder.parent.parent,
        job_type="baseline" if is_baseline else "trial",
    )
