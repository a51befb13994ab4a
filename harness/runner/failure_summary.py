"""What failed trials have in common that the others have not, in sentences."""

import dataclasses
import itertools
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.core.nested import flatten
from harness.core.outcome import State
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry

_MOST_PROPERTIES = 3
_LEAST_LIFT = 0.25
_MOST_CHOICES = 4


@dataclasses.dataclass(frozen=True)
class ConfigProperty:
    """A property that some trials have, with how many of them failed.

    Args:
        text: The property in words.
        has: For each trial whether it has it.
        failed: For each trial whether it failed.
    """

    text: str
    has: tuple[bool, ...]
    failed: tuple[bool, ...]

    def counts(self, *, having: bool) -> tuple[int, int]:
        """Return how many of those with it, or without, failed, and how many there are."""
        found = [bad for bad, own in zip(self.failed, self.has, strict=True) if own is having]
        return sum(found), len(found)

    @property
    def lift(self) -> float:
        """Return by how much the share of failures is greater with it than without."""
        (bad, count), (others_bad, others) = self.counts(having=True), self.counts(having=False)
        return bad / count - others_bad / others


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
    for each in common_properties(entries):
        (bad, count), (others_bad, others) = each.counts(having=True), each.counts(having=False)
        lines.append(
            f"  {each.text}: {bad} of {count} failed; without it {others_bad} of {others}"
        )
    if len(lines) == 1:
        lines.append("  No parameter separates them from the others.")
    return "\n".join(lines)


def common_properties(entries: Sequence[Entry]) -> list[ConfigProperty]:
    """Return the properties that most raise the share of failures, strongest first.

    Properties are single values, or for numbers with many values the halves below and above
    their median; of several that single out the same trials the first is taken.
    """
    failed = tuple(each.outcome.state is State.FAILED for each in entries)
    found: dict[tuple[bool, ...], ConfigProperty] = {}
    for text, has in _properties([each.config for each in entries]):
        each = ConfigProperty(text, has, failed)
        if each.lift >= _LEAST_LIFT:
            found.setdefault(has, each)
    return sorted(found.values(), key=lambda each: -each.lift)[:_MOST_PROPERTIES]


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
