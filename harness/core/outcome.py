"""How a trial ended: one state, one reason, never a magic number."""

import dataclasses
from enum import StrEnum
from typing import Any

from harness.core.score import Score
from harness.core.stored import parse_record


class State(StrEnum):
    """What an ending means to the search."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    UNFINISHED = "unfinished"


class Reason(StrEnum):
    """The one cause of an ending; `unfinished` stands for none yet."""

    FINISHED = "finished"
    OUTRANKED = "outranked"
    OVER_BUDGET = "over_budget"
    DIVERGED = "diverged"
    COLLAPSED = "collapsed"
    DISCRIMINATOR_WON = "discriminator_won"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    UNFINISHED = "unfinished"

    @property
    def state(self) -> State:
        """Return the state this reason belongs to."""
        if self is Reason.UNFINISHED:
            return State.UNFINISHED
        if self is Reason.FINISHED:
            return State.COMPLETE
        if self in (Reason.OUTRANKED, Reason.OVER_BUDGET):
            return State.PRUNED
        return State.FAILED

    @property
    def is_faulty(self) -> bool:
        """Return whether a generator kept before is not to be trusted.

        That a training took too long or too much memory says nothing against it.
        """
        limits = (Reason.TIMED_OUT, Reason.OUT_OF_MEMORY)
        return self.state is State.FAILED and self not in limits


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The end of one training, or where one that has not ended stood at its last rung.

    Args:
        reason: Why it ended; it implies the state.
        detail: One sentence with the numbers behind the reason.
        kimg: Thousands of real images shown to the discriminator, every step counted.
        duration_seconds: Time spent on it, interruptions and the machine's sleep left out.
        best: The best rung score so far, the value the search minimizes; None before a rung.
        final: The kept checkpoint scored once more with other noise; completed trials only.
        superseded_by: Name of the trial that counts in this one's place; None for most.
        allowed_seconds: The time it was given; None where it was given thousands of images.
        tests: The kept checkpoint scored on the test split, once a protocol; only what confirms a
            search has them.
        warnings: How the final images' pixels differ from real ones; they decide nothing.
    """

    reason: Reason
    detail: str = ""
    kimg: float = 0.0
    duration_seconds: float = 0.0
    best: Score | None = None
    final: Score | None = None
    superseded_by: str | None = None
    allowed_seconds: float | None = None
    tests: tuple[Score, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def score(self) -> Score | None:
        """Return what is known best of the kept generator: the final score, or the best rung's."""
        return self.final or self.best

    @property
    def is_ended(self) -> bool:
        """Return whether it is an end at all."""
        return self.reason is not Reason.UNFINISHED

    @property
    def competes(self) -> bool:
        """Return whether its kept generator may be the best in hand."""
        return not self.reason.is_faulty and self.superseded_by is None and self.score is not None

    @property
    def state(self) -> State:
        """Return `complete`, `pruned`, `failed` or `unfinished`."""
        return self.reason.state

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "state": self.state.value,
            **vars(self),
            "reason": self.reason.value,
            "best": self.best.to_dict() if self.best else None,
            "final": self.final.to_dict() if self.final else None,
            "tests": [score.to_dict() for score in self.tests],
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Outcome":
        """Return the outcome that `to_dict` wrote.

        Raises:
            ValueError: If it is none; those of older studies lack the last fields.
        """
        missing = {"detail", "kimg", "duration_seconds", "best", "final"}.difference(record)
        if missing:
            raise ValueError(f"expected {', '.join(sorted(missing))}")
        return parse_record(cls, record)
