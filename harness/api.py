"""Run a study from Python in one call, and confirm it, for notebooks and scripts."""

import dataclasses
import signal
from pathlib import Path

from PIL import Image

from harness.cli.display import count_outcomes
from harness.cli.sweep_progress import SweepProgress
from harness.confirmation.confirmation_jobs import ConfirmationJobs, ConfirmOptions
from harness.confirmation.confirmation_text import confirmation_lines
from harness.confirmation.result import Confirmation
from harness.core.errors import StudyError
from harness.data.image_opener import read_grid
from harness.notebook.live_cell import LiveCell, in_notebook
from harness.notebook.result_html import confirmation_html, study_html
from harness.reporting.study_publisher import run_published
from harness.reporting.trials import read_ranked
from harness.runner.job_source import Listener, NullListener
from harness.runner.stop_rules import TOO_MANY_FAILED, Stop, nothing_completed
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry, rank, read_entries, winner

_SIGNALLED = 128


class StoppedError(KeyboardInterrupt):
    """The end of a call that Ctrl-C stopped in good order: the same call goes on from there.

    It is no `HarnessError`: what catches errors shall not take it for one.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback, by its own protocol."""
        return [str(self)]


@dataclasses.dataclass(frozen=True, repr=False)
class StudyResult:
    """What a study has found so far; a notebook shows its leaderboard and curves.

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

    @property
    def grid(self) -> Image.Image:
        """Return the sample grid of the winner's kept generator, ten images a class a row.

        Raises:
            StudyError: If there is no winner, or its grid is gone.
            DataError: If its grid is no image.
        """
        best = self.winner
        rung = read_ranked(best, 1).best_rung if best else None
        if rung is None or rung.grid is None:
            why = "the file of its winner's is gone" if rung else "no generator is sound yet"
            raise StudyError(f"{self.folder}: has no grid to show: {why}. Let the sweep go on.")
        return read_grid(rung.grid)

    def __repr__(self) -> str:
        best = self.winner
        first = f"; best {best.name} {best.score.text}" if best and best.score else ""
        return f"<StudyResult {self.folder.name}: {count_outcomes(self.ranked)}{first}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows, by IPython's protocol."""
        return study_html(self.folder, self.ranked)


@dataclasses.dataclass(frozen=True, repr=False)
class ConfirmationResult:
    """What training a study's leaders on new seeds found; a notebook shows it as a chart.

    Args:
        folder: The study's folder.
        confirmation: What is known, as `confirmation/result.json` has it.
    """

    folder: Path
    confirmation: Confirmation

    def __repr__(self) -> str:
        first = confirmation_lines(self.confirmation)[0]
        return f"<ConfirmationResult {self.folder.name}: {first}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows, by IPython's protocol."""
        return confirmation_html(self.confirmation)


def run_study(
    space: SearchSpace,
    *,
    trials: int = 50,
    options: SweepOptions | None = None,
    listener: Listener | None = None,
) -> StudyResult:
    """Run or resume a study and return its ranking, as `gansweep sweep` does.

    Workers are spawned processes: in a script, call it under `if __name__ == "__main__":`. In a
    notebook its cell shows how far it has come, and interrupting the kernel stops it.

    Args:
        space: What is searched.
        trials: Trials the study shall have in total.
        options: How to run; by default a study named after the space, in `studies/`.
        listener: Hears every event; None for a display in a notebook, and silence elsewhere.

    Raises:
        HarnessError: If the study cannot be opened or its folder not be written, or too many of
            its trials fail, or all that ended.
        StoppedError: If Ctrl-C stopped it, which is a KeyboardInterrupt; the same call goes on.
        SystemExit: If SIGTERM did.
    """
    chosen = dataclasses.replace(options or SweepOptions(name=space.name), trials=trials)
    jobs = StudyJobs(space, chosen)
    remains = jobs.plan.remains if jobs.plan else None
    progress = SweepProgress(trials, remains=remains)
    shown = LiveCell(progress, kimg=space.budget.rungs_kimg[-1])
    stop = _run(StudyRunner(jobs), shown, listener)
    ranked = rank(read_entries(chosen.folder))
    if stop is None or stop.exit_code == 0:
        stop = nothing_completed(ranked)
    if stop is not None and stop.exit_code == TOO_MANY_FAILED:
        raise StudyError(f"{chosen.folder}: {stop.message}")
    return StudyResult(chosen.folder, ranked)


def confirm_study(
    options: ConfirmOptions, *, listener: Listener | None = None
) -> ConfirmationResult:
    """Train a study's leaders on new seeds, as `gansweep confirm` does, and return what it found.

    Args:
        options: Which study, how many of its leaders, how many seeds; and how to run.
        listener: Hears every event; None for a display in a notebook, and silence elsewhere.

    Raises:
        HarnessError: If the study cannot be opened, none of its trials has completed, or its
            folder cannot be written.
        StoppedError: If Ctrl-C stopped it, which is a KeyboardInterrupt; the same call goes on.
        SystemExit: If SIGTERM did.
    """
    jobs = ConfirmationJobs(options)
    last_rung = SearchSpace.of_study(options.folder).budget.rungs_kimg[-1]
    progress = SweepProgress(jobs.size, counts=lambda name: True)
    shown = LiveCell(progress, kimg=last_rung, unit="trainings at most")
    _run(StudyRunner(jobs), shown, listener)
    if jobs.result is None:
        raise StudyError(f"{options.folder}: the confirmation ended before it began.")
    return ConfirmationResult(options.folder, jobs.result)


def _run(runner: StudyRunner, shown: LiveCell, listener: Listener | None) -> Stop | None:
    """Run to the end, with a display where there is a notebook; return why it stopped.

    Raises:
        StoppedError: If Ctrl-C stopped it.
        SystemExit: If SIGTERM did.
    """
    if listener is None and in_notebook():
        with shown:
            stop = run_published(runner, shown)
            shown.ended(stop)
    else:
        stop = run_published(runner, listener or NullListener())
    if stop is not None and stop.exit_code == _SIGNALLED + signal.SIGINT:
        raise StoppedError("Stopped; the same call goes on from here.")
    if stop is not None and stop.exit_code > _SIGNALLED:
        raise SystemExit(stop.exit_code)
    return stop
