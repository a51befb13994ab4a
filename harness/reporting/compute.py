"""Add up what a search spent, and what pruning saved."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from harness.outcome import Reason
from harness.reporting.trials import TrialData


@dataclasses.dataclass(frozen=True)
class Compute:
    """Hold training time in seconds, added over workers; baselines are left out.

    Args:
        spent: By state, `running` included.
        spent_kimg: Thousands of images shown to discriminators.
        saved: What the pruned trials would have cost further had each gone on to the last rung
            at its own speed.
        saved_kimg: The same in thousands of images.
    """

    spent: dict[str, float]
    spent_kimg: float
    saved: float
    saved_kimg: float

    @property
    def total(self) -> float:
        """Return all seconds spent."""
        return sum(self.spent.values())

    @property
    def saved_share(self) -> float:
        """Return the share saved of what the study would have cost without pruning, 0 to 1."""
        whole = self.total + self.saved
        return self.saved / whole if whole else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return dataclasses.asdict(self) | {"total": self.total, "saved_share": self.saved_share}


def add_up(trials: Sequence[TrialData], last_kimg: float) -> Compute:
    """Return what trials spent and what pruning saved.

    Args:
        trials: Of one study; baselines among them are passed over.
        last_kimg: The last rung, where every trial would have ended.
    """
    trials = [trial for trial in trials if not trial.is_baseline]
    spent: dict[str, float] = {}
    saved = saved_kimg = 0.0
    for trial in trials:
        spent[trial.state] = spent.get(trial.state, 0.0) + trial.seconds
        if trial.reason in (Reason.OUTRANKED, Reason.OVER_BUDGET) and trial.kimg:
            left = max(0.0, last_kimg - trial.kimg)
            saved += left * trial.seconds / trial.kimg
            saved_kimg += left
    return Compute(spent, sum(trial.kimg for trial in trials), saved, saved_kimg)
