"""Keep the W&B run of a study current: what it shows is read from the study's folder."""

import dataclasses
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.confirmation.winner import choose
from harness.core.errors import HarnessError
from harness.core.events import Event, Finished
from harness.gan.config.config import GANConfig
from harness.optimization.study_plots import draw_plots
from harness.reporting.report_data import read_report
from harness.reporting.trials import PAUSED, RUNNING, TrialData, read_ranked
from harness.runner.job_source import Listener
from harness.runner.stop_rules import Stop
from harness.study.record import StudyRecord
from harness.study.trial_storage import open_read_only
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.wandb_run import ArtifactContents
from harness.tracking.wandb_study import StudySnapshot, publish_study

if TYPE_CHECKING:
    from harness.runner.study_runner import StudyRunner

LOGGER = logging.getLogger(__name__)

REFRESH_SECONDS = 600.0
"""How long the run may lag behind a sweep."""

_SHARE_OF_TIME = 0.05
"""Of a sweep's time publishing takes no more: nobody is answered meanwhile, and it reads the
folder of every trial."""

_OPEN = (PAUSED, RUNNING)
_COLUMNS = ("rank", "trial", "family", "state", "reason", "kimg", "seconds", "best_rung", "final")


class StudyRun:
    """A listener to a sweep that publishes the study every few minutes.

    Args:
        folder: The study's folder.
        listener: Receives everything first: what shows the sweep.
        tracker: A `TrackerName`; nothing is published unless it is W&B's.
        options: Where to.
    """

    def __init__(
        self,
        folder: Path,
        listener: Listener,
        *,
        tracker: str,
        options: TrackerOptions,
    ) -> None:
        self._folder = folder
        self._listener = listener
        self._publishes = tracker == "wandb"
        self._options = options
        self._published = time.monotonic()
        self._took = 0.0

    def opened(self, ended: int) -> None:
        """Pass on how many trials have ended."""
        self._listener.opened(ended)

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Pass on an event; publish where one more training has ended and it is time."""
        self._listener.hear(name, config, event)
        if isinstance(event, Finished):
            rest = max(REFRESH_SECONDS, self._took / _SHARE_OF_TIME)
            if time.monotonic() - self._published > rest:
                self.publish()

    def publish(self) -> None:
        """Publish the study as it stands; a failure is one warning, as the sweep is worth more."""
        if not self._publishes:
            return
        began = time.monotonic()
        try:
            publish(self._folder, self._options)
        except HarnessError as error:
            LOGGER.warning("The study's run in W&B was not brought up to date: %s", error)
        self._published = time.monotonic()
        self._took = self._published - began


def run_published(runner: "StudyRunner", listener: Listener) -> Stop | None:
    """Run a study or its confirmation, and keep the study's W&B run current.

    Args:
        runner: Runs it.
        listener: Hears every event.

    Returns:
        Why it stopped before its end; None where it did not.

    Raises:
        HarnessError: If the study cannot be opened or its folder not be written.
    """
    options = runner.options
    study_run = StudyRun(
        options.folder, listener, tracker=options.tracker, options=options.tracker_options
    )
    stop = runner.run(study_run)
    study_run.publish()
    return stop


def publish(folder: Path, options: TrackerOptions) -> None:
    """Publish a study to its W&B run, as it stands; nothing where no training has ended.

    Args:
        folder: The study.
        options: Where to.

    Raises:
        HarnessError: If the study cannot be read.
    """
    if options.wandb_mode == "disabled" or not (folder / "study.json").is_file():
        return
    snapshot = read_snapshot(folder)
    if snapshot.rows:
        publish_study(snapshot, options)


def read_snapshot(folder: Path) -> StudySnapshot:
    """Return what the run of a study shows.

    Args:
        folder: The study; it may be running.

    Raises:
        HarnessError: If the study cannot be read.
    """
    data = read_report(folder)
    record, metric = data.record, data.protocol.name
    trials = [trial for trial in data.trials if trial.rank]
    finals = [trial.final.value for trial in trials if trial.final and not trial.is_baseline]
    study = open_read_only(folder)
    stored = study.get_trials(deepcopy=False) if study else []
    plots = draw_plots(stored, name=record.name, metric=metric)
    winner = _describe_winner(folder, record)
    return StudySnapshot(
        identity=TrialIdentity(
            study=record.name,
            study_id=record.id,
            trial="study",
            folder=folder,
            config={"study": dataclasses.asdict(record), "search_space": data.space.to_dict()},
            tags=("study", data.space.sampler.name),
            wandb_root=folder,
            job_type="study",
        ),
        columns=(*_COLUMNS, *data.searched),
        rows=[_row(each, data.searched) for each in trials],
        grids=[trial.best_rung.grid if trial.best_rung else None for trial in trials],
        plots=plots,
        summary={
            "trials": {key: n for key, n in data.counts.items() if n and key not in _OPEN},
            "reasons": {key: len(of) for key, of in data.reasons.items() if key not in _OPEN},
            "promotions": data.promotions,
            "compute_seconds": data.compute.to_dict(),
            "winner": winner.metadata["trial"] if winner else None,
            "winner_kimg": winner.metadata["kept_kimg"] if winner else None,
            "winner_may_go_on": winner.metadata["may_go_on"] if winner else None,
        }
        | ({f"final_{metric}": min(finals)} if finals else {}),
        winner=winner,
    )


def _row(trial: TrialData, searched: Sequence[str]) -> list[Any]:
    """Return a training's values as a table holds them: a number, a string or nothing."""
    final = trial.final.value if trial.final else None
    place = (trial.rank, trial.name, trial.family, trial.state, trial.reason)
    scores = (trial.kimg, trial.seconds, trial.best_value, final)
    return [
        value
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        else str(value)
        for value in (*place, *scores, *map(trial.config.get, searched))
    ]


def _describe_winner(folder: Path, record: StudyRecord) -> ArtifactContents | None:
    """Return the winner, the confirmed one where there is one; None without a kept generator."""
    try:
        choice = choose(folder)
    except HarnessError:
        return None
    entry, outcome = choice.entry, choice.entry.outcome
    if not entry.folder.generator_file.is_file():
        return None
    best = read_ranked(entry, 1).best_rung
    files = [entry.folder.generator_file, entry.folder.config_file]
    files += [best.grid] if best and best.grid else []
    return ArtifactContents(
        name=f"{record.name}-winner",
        type="model",
        files={file.name: file for file in files},
        aliases=["best", *choice.names],
        metadata={
            "study": record.name,
            "study_id": record.id,
            "trial": entry.name,
            "family": entry.config.family,
            "why": choice.why,
            "kept_kimg": entry.score.kimg if entry.score else None,
            "may_go_on": entry.may_go_on,
            "protocol": record.protocol,
            "best_rung": outcome.best.to_dict() if outcome.best else None,
            "final": outcome.final.to_dict() if outcome.final else None,
            "tests": [score.to_dict() for score in outcome.tests],
            "commit": record.commit,
        },
    )
