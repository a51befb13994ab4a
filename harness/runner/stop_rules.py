"""When a study stops before it has its trials."""

import dataclasses
import itertools
import operator
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.core.durations import elapsed_seconds
from harness.core.nested import flatten
from harness.core.outcome import State
from harness.gan.config.config import GANConfig
from harness.runner.sweep_options import SweepOptions
from harness.study.leaderboard import Entry

LEAST_TRIALS_TO_JUDGE = 8
"""With fewer ended trials, the share of failures means nothing."""

TOO_MANY_FAILED = 3
"""Exit code of a study that stopped because its trials fail, or in which none completed."""

_MOST_TOLD = 8
_MOST_PROPERTIES = 3
_LEAST_LIFT = 0.25
_MOST_CHOICES = 4

Share = tuple[int, int]
"""How many of some trials failed, and how many there are."""


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
        began: When its time began, as `elapsed_seconds` has it; None for now.
    """

    def __init__(
        self, options: SweepOptions, entries: list[Entry], *, began: float | None = None
    ) -> None:
        self._options = options
        self._began = elapsed_seconds() if began is None else began
        self._best: tuple[float, str] | None = None
        self._ended: dict[str, Entry] = {}
        self._failed: set[str] = set()
        for entry in entries:
            if entry.is_trial:
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
        if budget is None or elapsed_seconds() - self._began < budget:
            return None
        return Stop(
            f"Stopped: the time budget of {budget:g} seconds is used. The same command goes on "
            f"from here."
        )


def nothing_completed(entries: Sequence[Entry]) -> Stop | None:
    """Return what a study that has ended without a completed trial ends with; None for others.

    A study whose time was over while trainings went on has what they kept.

    Args:
        entries: All that ended or were scored.
    """
    trials = [
        each for each in entries if not each.is_baseline and each.outcome.superseded_by is None
    ]
    if not trials or any(
        each.outcome.state is State.COMPLETE or not each.outcome.is_ended for each in trials
    ):
        return None
    told: dict[str, list[str]] = {}
    for each in sorted(trials, key=lambda each: each.name):
        outcome = each.outcome
        told.setdefault(f"{outcome.reason.value}: {outcome.detail}", []).append(each.name)
    lines = [f"  trial {', '.join(names)}: {why}" for why, names in told.items()]
    more = len(lines) - _MOST_TOLD
    return Stop(
        "\n".join(
            [
                f"None of {len(trials)} trials completed:",
                *lines[:_MOST_TOLD],
                *([f"  and {more} others; gansweep report shows all"] if more > 0 else []),
            ]
        ),
        TOO_MANY_FAILED,
    )


def explain_failures(entries: Sequence[Entry]) -> str:
    """Return sentences about reasons and over-represented parameter values.

    Args:
        entries: Trials that ended, some of them failed.
    """
    reasons = Counter(
        each.outcome.reason.value for each in entries if each.outcome.state is State.FAILED
    )
    listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    lines = [f"{reasons.total()} of {len(entries)} trials failed ({listed})."]
    for text, (bad, count), (others_bad, others) in common_properties(entries):
        lines.append(f"  {text}: {bad} of {count} failed; without it {others_bad} of {others}")
    if len(lines) == 1:
        lines.append("  No parameter separates them from the others.")
    return "\n".join(lines)


def common_properties(entries: Sequence[Entry]) -> list[tuple[str, Share, Share]]:
    """Return the properties that most raise the share of failures, strongest first.

    Properties are single values, or for numbers with many values the halves below and above
    their median; of several that single out the same trials the first is taken.

    Args:
        entries: Trials that ended, some of them failed.

    Returns:
        Each property in words, with what failed of the trials that have it and of the others.
    """
    failed = [each.outcome.state is State.FAILED for each in entries]
    found: dict[tuple[bool, ...], tuple[float, str, Share, Share]] = {}
    for text, has in _properties([each.config for each in entries]):
        bad, count = sum(map(operator.and_, failed, has)), sum(has)
        others_bad, others = sum(failed) - bad, len(failed) - count
        lift = bad / count - others_bad / others
        if lift >= _LEAST_LIFT:
            found.setdefault(has, (lift, text, (bad, count), (others_bad, others)))
    strongest = sorted(found.values(), key=lambda each: -each[0])[:_MOST_PROPERTIES]
    return [each[1:] for each in strongest]


def _properties(configs: Sequence[GANConfig]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    flat = [dict(flatten(config.model_dump())) for config in configs]
    for name in dict.fromkeys(itertools.chain.from_iterable(flat)):
        values = [each.get(name) for each in flat]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        kinds = list(dict.fromkeys(map(str, values)))
        if name == "seed" or len(kinds) < 2:
            continue
        if len(numbers) == len(values) and len(kinds) > _MOST_CHOICES:
            middle = statistics.median(numbers)
            above = tuple(number > middle for number in numbers)
            if any(above):
                yield f"{name} above {middle:.3g}", above
                yield f"{name} up to {middle:.3g}", tuple(not each for each in above)
        else:
            for kind in kinds:
                yield f"{name} {kind}", tuple(str(value) == kind for value in values)
