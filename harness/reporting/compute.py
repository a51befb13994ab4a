"""Add up what a search spent, and what pruning saved."""

import dataclasses
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from harness.confirmation.result import Confirmation
from harness.core.outcome import Reason
from harness.reporting.trials import TrialData


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
        confirmation: What training the leaders again took; no part of `spent`.
    """

    spent: dict[str, float]
    spent_training: float
    spent_kimg: float
    saved: float
    saved_kimg: float
    baselines: float
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
    searched = [trial for trial in trials if not trial.is_baseline]
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
        confirmation=sum(seed.duration_seconds for each in again for seed in each.seeds),
    )


def _median(values: Iterable[float | None]) -> float:
    """Return the median of what is known; 0 where nothing is, so that nothing is claimed."""
    known = [value for value in values if value is not None]
    return median(known) if known else 0.0
