"""Read all that a report says of a study from its folder: no drawing, no TensorFlow."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.confirmation.result import CandidateResult, Confirmation, read_result
from harness.core.locks import is_locked
from harness.core.score import Protocol
from harness.reporting.compute import Compute, add_up
from harness.reporting.exported_bundle import Exported, read_export
from harness.reporting.lineage import Lineage, Steps, baseline_options, name_space, trace
from harness.reporting.parameter_effects import Effects, find_effects, searched_fields
from harness.reporting.trials import RUNNING, TrialData, read_ended, read_unfinished
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry, rank, read_entries, winner
from harness.study.record import StudyRecord, read_study


@dataclasses.dataclass(frozen=True)
class ReportData:
    """Hold all that a report says of a study.

    Args:
        record: What the study says of itself.
        description: What its search space says of itself, for people.
        class_names: One name a row of a conditional grid; None where they are not known.
        rungs_kimg: Where trials were scored and compared.
        search_space: The search space as YAML.
        searched: The fields that were searched, as declared.
        trials: All trainings: ended ones best first, then those that run.
        confirmation: What training the leaders again found; None where that was not done.
        winner: Name of the confirmed trial, or else of the completed one with the lowest final
            score; None before there is one.
        exported: What the winner's exported file scored on the test split; None without one.
        compute: What was spent, and saved by pruning.
        effects: Which parameters mattered; None before any trial was scored.
        lineage: How the study comes about again.
        running: Whether a sweep ran on it when it was read.
        written: When it was read, ISO 8601, UTC.
    """

    record: StudyRecord
    description: str
    class_names: tuple[str, ...] | None
    rungs_kimg: tuple[int, ...]
    search_space: str
    searched: tuple[str, ...]
    trials: tuple[TrialData, ...]
    confirmation: Confirmation | None
    winner: str | None
    exported: Exported | None
    compute: Compute
    effects: Effects | None
    lineage: Lineage
    running: bool
    written: str

    @property
    def protocol(self) -> Protocol:
        """Return how its trials are scored."""
        return Protocol(**self.record.protocol)

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
        return {state: found[state] for state in ("complete", "pruned", "failed", RUNNING)}

    @property
    def reasons(self) -> dict[str, tuple[TrialData, ...]]:
        """Return the trials by the reason of their end, the most frequent first."""
        by_reason: dict[str, list[TrialData]] = {}
        for trial in _counted(self.trials):
            by_reason.setdefault(trial.reason, []).append(trial)
        ordered = sorted(by_reason.items(), key=lambda pair: -len(pair[1]))
        return {reason: tuple(trials) for reason, trials in ordered}

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
            "confirmation": self.confirmation.to_dict() if self.confirmation else None,
            "compute": self.compute.to_dict(),
            "effects": dataclasses.asdict(self.effects) if self.effects else None,
            "lineage": self.lineage.to_dict(),
            "leaderboard": [trial.to_dict() for trial in self.trials],
        }


def read_report(folder: Path, *, class_names: tuple[str, ...] | None = None) -> ReportData:
    """Return all that a report says of a study, running or not; nothing is changed.

    Args:
        folder: The study.
        class_names: The names of its data set's classes, where they are known.

    Raises:
        HarnessError: If its record, its search space, a configuration, an outcome or a history is
            damaged, or scores were measured by different protocols.
    """
    record = read_study(folder)
    space = SearchSpace.load(str(folder / "search_space.yaml"))
    entries = read_entries(folder)
    confirmation = read_result(folder)
    best = _find_best(entries, confirmation)
    trials = [read_ended(entry, place) for place, entry in enumerate(rank(entries), start=1)]
    trials += _read_running(folder, {trial.name for trial in trials})
    exported = read_export(folder, record, best.name if best else None)
    steps = _steps(folder, space, trials, confirmation, exported)
    return ReportData(
        record=record,
        description=space.description,
        class_names=class_names,
        rungs_kimg=tuple(space.budget.rungs_kimg),
        search_space=space.to_yaml(),
        searched=searched_fields(space),
        trials=tuple(trials),
        confirmation=confirmation,
        winner=best.name if best else None,
        exported=exported,
        compute=add_up(trials, space.budget.rungs_kimg, confirmation),
        effects=find_effects(space, trials),
        lineage=trace(record, steps, winner_seed=best.config.seed if best else None),
        running=is_locked(folder),
        written=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _steps(
    folder: Path,
    space: SearchSpace,
    trials: list[TrialData],
    confirmation: Confirmation | None,
    exported: Exported | None,
) -> Steps:
    return Steps(
        space=name_space(space, folder),
        trials=len(_counted(trials)),
        baselines=baseline_options(trial for trial in trials if trial.is_baseline),
        confirmation=confirmation,
        formats=exported.formats if exported else (),
    )


def _find_best(entries: list[Entry], confirmation: Confirmation | None) -> Entry | None:
    """Return the confirmed trial, or else the completed one with the lowest final score."""
    confirmed = [each for each in entries if confirmation and each.name == confirmation.winner]
    return confirmed[0] if confirmed else winner(entries)


def _counted(trials: Iterable[TrialData]) -> list[TrialData]:
    """Return those that count as a study's trials: no baselines, none that another supersedes."""
    return [
        trial
        for trial in trials
        if not trial.is_baseline and not (trial.outcome and trial.outcome.superseded_by)
    ]


def _read_running(folder: Path, ended: set[str]) -> list[TrialData]:
    paths = sorted((folder / "trials").glob("[0-9]*")) + sorted((folder / "baselines").glob("*"))
    found = (read_unfinished(path) for path in paths if path.is_dir())
    return [trial for trial in found if trial is not None and trial.name not in ended]
