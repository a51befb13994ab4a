"""Say what failed trials have in common that the others have not."""

import dataclasses
import itertools
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.core.nested import flatten
from harness.core.outcome import Outcome, State
from harness.gan.config.config import GANConfig

_MOST_TRAITS = 3
_LEAST_LIFT = 0.25
_MOST_CHOICES = 4


@dataclasses.dataclass(frozen=True)
class Ended:
    """Hold what is known of a trial that ended.

    Args:
        config: What was trained.
        outcome: How it ended.
    """

    config: GANConfig
    outcome: Outcome

    @property
    def failed(self) -> bool:
        """Return whether it failed."""
        return self.outcome.state is State.FAILED


@dataclasses.dataclass(frozen=True)
class Trait:
    """Hold a property that some trials have.

    Args:
        text: The property in words.
        has: For each trial whether it has it.
    """

    text: str
    has: tuple[bool, ...]

    def shares(self, failed: Sequence[bool]) -> tuple[int, int, int, int]:
        """Return how many with it failed, how many have it, and the same of those without."""
        inside = [bad for bad, own in zip(failed, self.has, strict=True) if own]
        outside = [bad for bad, own in zip(failed, self.has, strict=True) if not own]
        return sum(inside), len(inside), sum(outside), len(outside)

    def lift(self, failed: Sequence[bool]) -> float:
        """Return by how much the share of failures is greater with it than without."""
        bad, count, others_bad, others = self.shares(failed)
        return bad / count - others_bad / others


def explain_failures(ended: Sequence[Ended]) -> str:
    """Return sentences about reasons and over-represented parameter values.

    Args:
        ended: Trials that ended, some of them failed.
    """
    reasons = Counter(each.outcome.reason.value for each in ended if each.failed)
    listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    lines = [f"{reasons.total()} of {len(ended)} trials failed ({listed})."]
    failed = [each.failed for each in ended]
    for trait in common_traits(ended):
        bad, count, others_bad, others = trait.shares(failed)
        lines.append(
            f"  {trait.text}: {bad} of {count} failed; without it {others_bad} of {others}"
        )
    if len(lines) == 1:
        lines.append("  No parameter tells them from the others.")
    return "\n".join(lines)


def common_traits(ended: Sequence[Ended]) -> list[Trait]:
    """Return the properties that most raise the share of failures, strongest first.

    Properties are single values, or for numbers with many values the halves below and above
    their median; of several that single out the same trials the first is taken.
    """
    failed = [each.failed for each in ended]
    found: dict[tuple[bool, ...], Trait] = {}
    for trait in _traits([each.config for each in ended]):
        if trait.lift(failed) >= _LEAST_LIFT:
            found.setdefault(trait.has, trait)
    return sorted(found.values(), key=lambda trait: -trait.lift(failed))[:_MOST_TRAITS]


def _traits(configs: Sequence[GANConfig]) -> Iterator[Trait]:
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
                yield Trait(f"{name} above {middle:.3g}", above)
                yield Trait(f"{name} up to {middle:.3g}", tuple(not each for each in above))
        else:
            for kind in kinds:
                yield Trait(f"{name} {kind}", tuple(str(value) == kind for value in values))
