"""When a study stops before it has its trials."""

import dataclasses
import time

from harness.core.outcome import State
from harness.runner.failure_summary import explain_failures
from harness.runner.sweep_options import SweepOptions
from harness.study.leaderboard import Entry

LEAST_TRIALS_TO_JUDGE = 8
"""With fewer ended trials, the share of failures means nothing."""

TOO_MANY_FAILED = 3
"""Exit code of a study that stopped because its trials fail."""


@dataclasses.dataclass(frozen=True)
class Stop:
    """The reason why a study stopped; the same command goes on from there.

    Args:
        message: For people.
        exit_code: For scripts; 0 where that was asked for.
    """

    message: str
    exit_code: int = 0


class StopRules:
    """The limits of a study: its time, its best score and its failures.

    Args:
        options: What it is allowed.
        entries: What ended before.
    """

    def __init__(self, options: SweepOptions, entries: list[Entry]) -> None:
        self._options = options
        self._began = time.monotonic()
        self._best: tuple[float, str] | None = None
        self._ended: dict[str, Entry] = {}
        self._failed: set[str] = set()
        for entry in entries:
            if not entry.is_baseline:
                self.note(entry)

    def note(self, entry: Entry) -> None:
        """Take in how a trial ended; one that another supersedes counts for nothing."""
        # A trial may come twice: as its folder has it, and when that is passed on.
        name, outcome = entry.name, entry.outcome
        self._failed.discard(name)
        self._ended[name] = entry
        if outcome.superseded_by is not None:
            del self._ended[name]
        elif outcome.state is State.FAILED:
            self._failed.add(name)
        if outcome.state is State.COMPLETE and outcome.final is not None:
            found = (outcome.final.value, name)
            self._best = min(self._best, found) if self._best else found

    def stop(self) -> Stop | None:
        """Return why to stop now, or None to go on."""
        return self._failures() or self._target() or self._time()

    def _failures(self) -> Stop | None:
        share, count = self._options.max_failed_share, len(self._ended)
        if count < LEAST_TRIALS_TO_JUDGE or len(self._failed) <= share * count:
            return None
        return Stop(
            f"Stopped, because more than {share:.0%} of the trials failed. "
            f"{explain_failures(list(self._ended.values()))}\n"
            f"Choose a search space without these values and a new --study, or go on with a "
            f"larger --max-failed-share.",
            TOO_MANY_FAILED,
        )

    def _target(self) -> Stop | None:
        target = self._options.target_fid
        if target is None or self._best is None or self._best[0] > target:
            return None
        return Stop(
            f"Stopped: trial {self._best[1]} has reached {self._best[0]:.3f}, the target being "
            f"{target:g}. The same command without --target-fid goes on from here."
        )

    def _time(self) -> Stop | None:
        budget = self._options.time_budget_seconds
        if budget is None or time.monotonic() - self._began < budget:
            return None
        return Stop(
            f"Stopped: the time budget of {budget:g} seconds is used. The same command goes on "
            f"from here."
        )
