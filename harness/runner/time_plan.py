"""Divide a sweep's time into exploration, last promotions and the finish."""

from harness.core.durations import elapsed_seconds, format_seconds

_EXPLORES, TRIES = 0.5, 0.6
"""Shares of the time after which no new trial begins, and after which no trial goes on."""

_RESERVE, _LEAST_RESERVE_SECONDS = 0.03, 2.0
"""What is left for the last scores, which follow once a training's time is over."""

_LEAST_FINISH_SECONDS = 5.0


class TimePlan:
    """The plan of a sweep that has so much time, from the moment at which it is made.

    Args:
        seconds: The time.

    Attributes:
        began: When it began, as `elapsed_seconds` has it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began = elapsed_seconds()

    @property
    def explores(self) -> bool:
        """Return whether new trials may begin."""
        return self._elapsed < _EXPLORES * self.seconds

    @property
    def tries(self) -> bool:
        """Return whether trials may train."""
        return self._elapsed < TRIES * self.seconds

    @property
    def is_over(self) -> bool:
        """Return whether no time is left."""
        return self._elapsed >= self.seconds

    @property
    def trials_end(self) -> float:
        """Return when trials pause where they are, as `elapsed_seconds` has it."""
        return self.began + TRIES * self.seconds

    @property
    def finish_seconds(self) -> float | None:
        """Return how long leaders can be trained on from now; None where it is not worth it."""
        reserve = max(_RESERVE * self.seconds, _LEAST_RESERVE_SECONDS)
        left = self.seconds - self._elapsed - reserve
        return left if left >= _LEAST_FINISH_SECONDS else None

    def describe(self, leaders: int) -> str:
        """Return the plan in a line.

        Args:
            leaders: How many are trained on in the end.
        """
        explores, tries = (format_seconds(share * self.seconds) for share in (_EXPLORES, TRIES))
        return (
            f"Plan for {format_seconds(self.seconds)}: new trials begin for {explores}, trials go "
            f"on until {tries}, then the best {leaders} are trained on until the end."
        )

    def remains(self) -> str:
        """Return what the sweep does now and what remains, e.g. `exploring, 8 min left`."""
        phase = "exploring" if self.explores else "promoting" if self.tries else "finishing"
        return f"{phase}, {format_seconds(max(0.0, self.seconds - self._elapsed))} left"

    @property
    def _elapsed(self) -> float:
        return elapsed_seconds() - self.began
