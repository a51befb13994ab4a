"""Read all that a report says of a study from its folder: no drawing, no TensorFlow."""

import dataclasses
import datetime
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from harness.confirmation.result import CandidateResult, Confirmation, read_result
from harness.core.errors import HarnessError
from harness.core.files import inside, read_json
from harness.core.locks import is_locked
from harness.core.outcome import Reason
from harness.core.score import Protocol, Score
from harness.reporting.lineage import Lineage, baseline_options, name_space, repeat_commands, trace
from harness.reporting.nearest_training import NearestTraining, read_nearest
from harness.reporting.parameter_effects import Effects, find_effects, searched_fields
from harness.reporting.trials import PAUSED, RUNNING, TrialData, read_ranked, read_unfinished
from harness.space.settings import PromotionSettings
from harness.space.space import SearchSpace
from harness.study.leaderboard import disagreements, rank, read_entries, winner
from harness.study.own_folders import training_folders
from harness.study.record import StudyRecord, read_study


@dataclasses.dataclass(frozen=True)
class Exported:
    """What a bundle says of the generator in it.

    Args:
        training: Whose generator it is: the winner's trial, or one of its trainings with a new
            seed, such as `0008-s1`.
        test: Its score on the test split, measured from the exported file.
        formats: The formats of the bundle.
    """

    training: str
    test: Score
    formats: tuple[str, ...]


def read_export(folder: Path, record: StudyRecord, winner: str | None) -> Exported | None:
    """Return what was exported; None if that was another trial, or nothing.

    Args:
        folder: The study.
        record: What it says of itself.
        winner: Name of the winning trial.
    """
    try:
        path = inside(folder, "export/metrics.json")
        metrics = read_json(path) if path else {}
        training = str(metrics.get("trial"))
        if metrics.get("study_id") == record.id and training.partition("-s")[0] == winner:
            formats = tuple(str(each["format"]) for each in metrics.get("formats", ()))
            return Exported(training, Score.from_dict(metrics["test"]), formats)
    except (HarnessError, AttributeError, KeyError, TypeError, ValueError):
        pass  # the export says so itself when it is made again; the report does without
    return None


@dataclasses.dataclass(frozen=True)
class Compute:
    """Seconds added over workers: training, scoring and all that goes with them.

    Args:
        spent: By state, `running` included.
        spent_training: What of it the steps of trainings took, without scores and saving.
        spent_kimg: Thousands of images shown to discriminators.
        saved: What the pruned trials would have cost further had each gone on to the last rung
            and been scored there: its kimg left at its own speed, and a score for each rung left
            and for the end. What compiling costs once is no part of it.
        saved_kimg: The same in thousands of images.
        baselines: What the presets beside the search took; no part of `spent`.
        finish: What training the leaders on took; no part of `spent`.
        confirmation: What training the leaders again took; no part of `spent`.
    """

    spent: dict[str, float]
    spent_training: float
    spent_kimg: float
    saved: float
    saved_kimg: float
    baselines: float
    finish: float
    confirmation: float

    @property
    def total(self) -> float:
        """Return all seconds that the search spent."""
        return sum(self.spent.values())

    @property
    def saved_share(self) -> float:
        """Return the share saved of what the search would have cost without pruning, 0 to 1."""
        whole = self.total + self.saved
        return self.saved / whole if whole else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return dataclasses.asdict(self) | {"total": self.total, "saved_share": self.saved_share}


def add_up(
    trials: Sequence[TrialData], rungs_kimg: Sequence[int], confirmation: Confirmation | None
) -> Compute:
    """Return what trials spent and what pruning saved.

    Args:
        trials: Of one study, baselines included.
        rungs_kimg: Where trials are scored; at the last one every trial would have ended.
        confirmation: How the leaders were trained again, where they were.
    """
    searched = [trial for trial in trials if trial.is_trial]
    spent: dict[str, float] = {}
    for trial in searched:
        spent[trial.state] = spent.get(trial.state, 0.0) + trial.seconds
    # A trial that was cut at its first rung has no score but the one that compiled.
    usual_kimg = _median(trial.pace.seconds_per_kimg for trial in searched)
    usual_score = _median(trial.pace.seconds_per_score for trial in searched)
    saved = saved_kimg = 0.0
    for trial in searched:
        if trial.reason in (Reason.OUTRANKED, Reason.OVER_BUDGET):
            left = max(0.0, rungs_kimg[-1] - trial.kimg)
            scores = len(rungs_kimg) - len(trial.rungs) + 1  # and the one of its end
            saved_kimg += left
            own_kimg, own_score = trial.pace.seconds_per_kimg, trial.pace.seconds_per_score
            saved += left * (usual_kimg if own_kimg is None else own_kimg)
            saved += scores * (usual_score if own_score is None else own_score)
    again = confirmation.candidates if confirmation else ()
    return Compute(
        spent=spent,
        spent_training=sum(trial.pace.training_seconds for trial in searched),
        spent_kimg=sum(trial.kimg for trial in searched),
        saved=saved,
        saved_kimg=saved_kimg,
        baselines=sum(trial.seconds for trial in trials if trial.is_baseline),
        finish=sum(t.seconds for t in trials if not (t.is_trial or t.is_baseline)),
        confirmation=sum(seed.duration_seconds for each in again for seed in each.seeds),
    )


def _median(values: Iterable[float | None]) -> float:
    """Return the median of what is known; 0 where nothing is, so that nothing is claimed."""
    known = [value for value in values if value is not None]
    return median(known) if known else 0.0


@dataclasses.dataclass(frozen=True)
class ReportData:
    """All that a report says of a study.

    Args:
        record: What the study says of itself.
        space: What was searched.
        trials: All trainings: best first, then those without a score that run.
        confirmation: What training the leaders again found; None where that was not done.
        winner: Name of the confirmed trial, or else of that with the best kept generator; None
            before there is one.
        exported: What the winner's exported file scored on the test split; None without one.
        nearest: Its images beside their nearest training images, where an export drew that.
        compute: What was spent, and saved by pruning.
        lineage: How the study comes about again.
        running: Whether a sweep ran on it when it was read.
        written: When it was read, ISO 8601, UTC.
    """

    record: StudyRecord
    space: SearchSpace
    trials: tuple[TrialData, ...]
    confirmation: Confirmation | None
    winner: str | None
    exported: Exported | None
    nearest: NearestTraining | None
    compute: Compute
    lineage: Lineage
    running: bool
    written: str

    @property
    def protocol(self) -> Protocol:
        """Return how its trials are scored."""
        return Protocol(**self.record.protocol)

    @property
    def rungs_kimg(self) -> tuple[int, ...]:
        """Return where trials were scored and compared."""
        return tuple(self.space.budget.rungs_kimg)

    @property
    def searched(self) -> tuple[str, ...]:
        """Return the fields that were searched, as declared."""
        return searched_fields(self.space)

    @functools.cached_property
    def effects(self) -> Effects | None:
        """Return which parameters mattered; None before any trial was scored."""
        return find_effects(self.space, self.trials)

    @property
    def torn(self) -> dict[str, str]:
        """Return the trials whose rank depends on the judge, by name; see `disagreements`."""
        return disagreements(
            {t.name: t.final for t in self.trials if t.final is not None and not t.is_baseline}
        )

    @property
    def best(self) -> TrialData | None:
        """Return the winner."""
        return next((trial for trial in self.trials if trial.name == self.winner), None)

    @property
    def confirmed(self) -> CandidateResult | None:
        """Return what confirmed the winner; None where the search alone speaks for it."""
        if self.confirmation is None or self.confirmation.winner is None:
            return None
        candidates = self.confirmation.candidates
        return next((each for each in candidates if each.trial == self.winner), None)

    @property
    def baselines(self) -> tuple[TrialData, ...]:
        """Return the presets that were trained beside the search, best first."""
        return tuple(trial for trial in self.trials if trial.is_baseline)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many trials are in each state; baselines and superseded ones left out."""
        found = Counter(trial.state for trial in _counted(self.trials))
        return {state: found[state] for state in ("complete", "pruned", "failed", PAUSED, RUNNING)}

    @property
    def promotions(self) -> int | None:
        """Return how often a trial was promoted and reached the next rung; None without pauses."""
        if not isinstance(self.space.pruner, PromotionSettings):
            return None
        return sum(max(0, len(trial.rungs) - 1) for trial in _counted(self.trials))

    @property
    def reasons(self) -> dict[str, tuple[TrialData, ...]]:
        """Return the trials by the reason of their end, the most frequent first."""
        counted = _counted(self.trials)
        ordered = Counter(trial.reason for trial in counted).most_common()
        return {reason: tuple(t for t in counted if t.reason == reason) for reason, _ in ordered}

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "study": self.record.name,
            "record": dataclasses.asdict(self.record),
            "protocol": self.protocol.name,
            "fingerprint": self.protocol.fingerprint,
            "written": self.written,
            "running": self.running,
            "trials": self.counts,
            "reasons": {reason: len(trials) for reason, trials in self.reasons.items()},
            "winner": self.best.to_dict() if self.best else None,
            "test": self.exported.test.to_dict() if self.exported else None,
            "exported": self.exported.training if self.exported else None,
            "nearest": self.nearest.to_dict() if self.nearest else None,
            "confirmation": self.confirmation.to_dict() if self.confirmation else None,
            "promotions": self.promotions,
            "compute": self.compute.to_dict(),
            "effects": dataclasses.asdict(self.effects) if self.effects else None,
            "lineage": dataclasses.asdict(self.lineage),
            "disagreements": self.torn,
            "leaderboard": [trial.to_dict() for trial in self.trials],
        }


def read_report(folder: Path) -> ReportData:
    """Return all that a report says of a study, running or not; nothing is changed.

    Args:
        folder: The study.

    Raises:
        HarnessError: If its record, its search space, a configuration, an outcome or a history is
            damaged, or scores were measured by different protocols.
    """
    record = read_study(folder)
    space = SearchSpace.of_study(folder)
    entries = read_entries(folder)
    confirmation = read_result(folder)
    confirmed = [each for each in entries if confirmation and each.name == confirmation.winner]
    best = confirmed[0] if confirmed else winner(entries)
    trials = [read_ranked(entry, place) for place, entry in enumerate(rank(entries), start=1)]
    unfinished = [read_unfinished(path) for path in training_folders(folder)]
    ended = {trial.name for trial in trials}
    trials += [trial for trial in unfinished if trial is not None and trial.name not in ended]
    exported = read_export(folder, record, best.name if best else None)
    training = exported.training if exported else best.name if best else None
    commands = repeat_commands(
        record,
        space=name_space(space, folder),
        trials=len(_counted(trials)),
        baselines=baseline_options(trial for trial in trials if trial.is_baseline),
        finish=space.finish is None and any(not (t.is_trial or t.is_baseline) for t in trials),
        confirmation=confirmation,
        formats=exported.formats if exported else (),
    )
    return ReportData(
        record=record.shared(),
        space=space.shared(),
        trials=tuple(trials),
        confirmation=confirmation,
        winner=best.name if best else None,
        exported=exported,
        nearest=read_nearest(folder, training),
        compute=add_up(trials, space.budget.rungs_kimg, confirmation),
        lineage=trace(record, commands, winner_seed=best.config.seed if best else None),
        running=is_locked(folder),
        written=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _counted(trials: Iterable[TrialData]) -> list[TrialData]:
    """Return those that count as a study's trials: no baselines, none that another supersedes."""
    return [
        trial
        for trial in trials
        if trial.is_trial and not (trial.outcome and trial.outcome.superseded_by)
    ]
