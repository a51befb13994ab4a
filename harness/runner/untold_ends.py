"""Tell the trackers of a study the ends of trainings that a crash kept from them."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from harness.gan.config.config import GANConfig
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry
from harness.study.own_folders import BASELINE_PREFIX, finish_name
from harness.study.record import StudyRecord, study_options
from harness.tracking.catch_up import RecordedEnds, catch_up
from harness.tracking.identity import TrialIdentity

_MOST_UNTOLD = 20
"""So many ends are told when a study is opened: W&B takes half a second each."""


def tell_untold_ends(
    ended: Sequence[Entry], *, record: StudyRecord, space: SearchSpace, options: SweepOptions
) -> None:
    """Make the trackers of a study tell all ends that its folders tell.

    A crash leaves a few untold. Where there are many, a warning says what adds them.

    Args:
        ended: Trainings that have ended.
        record: The study they belong to.
        space: What the study searches.
        options: Which tracker, and where to.

    Raises:
        StorageError: If a log cannot be written.
    """
    known = RecordedEnds(options.tracker, options.folder, record.id, options.tracker_options)
    untold = [each for each in ended if not known.tell(each.name, each.folder.path, each.outcome)]
    if len(untold) > _MOST_UNTOLD:
        warnings.warn(
            f"W&B or the histories lack the ends of {len(untold)} trainings, as after another "
            f"--tracker or where a folder was removed. `gansweep doctor "
            f"{study_options(options.folder)} --repair` adds them.",
            stacklevel=2,
        )
        return
    for each in untold:
        identity = identify(
            record, space, name=each.name, folder=each.folder.path, config=each.config
        )
        catch_up(options.tracker, identity, each.outcome, options.tracker_options)


def identify(
    record: StudyRecord, space: SearchSpace, *, name: str, folder: Path, config: GANConfig
) -> TrialIdentity:
    """Return what trackers know of a training.

    Args:
        record: The study it belongs to.
        space: What the study searches.
        name: As an `Entry` has it.
        folder: The training's folder, two levels below the study's.
        config: What is trained.
    """
    kind = "baseline" if name.startswith(BASELINE_PREFIX) else "trial"
    kind = kind if name != finish_name(folder.name) else "finish"
    return TrialIdentity(
        study=record.name,
        study_id=record.id,
        trial=name,
        folder=folder,
        config=config.model_dump(mode="json"),
        tags=(config.family, space.sampler.name if kind == "trial" else kind),
        wandb_root=folder.parent.parent,
        job_type=kind,
    )
