"""Run a study from Python in one call, for notebooks and scripts."""

import dataclasses
from pathlib import Path

from harness.core.errors import StudyError
from harness.reporting.study_publisher import run_published
from harness.runner.job_source import Listener, NullListener
from harness.runner.stop_rules import TOO_MANY_FAILED, nothing_completed
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry, rank, read_entries, winner


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """What a study has found so far.

    Args:
        folder: The study's folder.
        ranked: Every trial and baseline that has ended or was scored, best first.
    """

    folder: Path
    ranked: list[Entry]

    @property
    def winner(self) -> Entry | None:
        """Return the trial with the best kept generator, whatever its state."""
        return winner(self.ranked)


def run_study(
    space: SearchSpace,
    *,
    trials: int = 50,
    options: SweepOptions | None = None,
    listener: Listener | None = None,
) -> StudyResult:
    """Run or resume a study and return its ranking, as `gansweep sweep` does.

    Workers are spawned processes: in a script, call it under `if __name__ == "__main__":`.

    Args:
        space: What is searched.
        trials: Trials the study shall have in total.
        options: How to run; by default a study named after the space, in `studies/`.
        listener: Hears every event; None for silence.

    Raises:
        HarnessError: If the study cannot be opened or its folder not be written, or too many of
            its trials fail, or all that ended.
    """
    chosen = dataclasses.replace(options or SweepOptions(name=space.name), trials=trials)
    stop = run_published(StudyRunner(StudyJobs(space, chosen)), listener or NullListener())
    ranked = rank(read_entries(chosen.folder))
    if stop is None or stop.exit_code == 0:
        stop = nothing_completed(ranked)
    if stop is not None and stop.exit_code == TOO_MANY_FAILED:
        raise StudyError(f"{chosen.folder}: {stop.message}")
    return StudyResult(chosen.folder, ranked)
