"""Choose how many steps one compiled call takes, and measure what they cost."""

CHUNK_SECONDS = 2.0
"""How long one compiled call trains: long enough to cost nothing, short enough to stop soon."""

CHUNK_STEPS = 64
"""Steps of a call where nothing may depend on the clock; about a second for small GANs."""

_PROBE_STEPS = 4
"""Steps of the call after the first one."""

_LONG_SECONDS = 10.0
"""A first step that takes so long may not be due to compiling: the next is taken alone."""


class Speed:
    """Measure seconds per step, leaving out the first call, which compiles.

    Args:
        fixed_chunks: Whether calls end at multiples of `CHUNK_STEPS` instead of taking about
            `CHUNK_SECONDS`. What is judged by the means over a call then repeats exactly.
    """

    def __init__(self, *, fixed_chunks: bool = False) -> None:
        self._fixed_chunks = fixed_chunks
        self._calls = 0
        self._steps = 0
        self._seconds = 0.0
        self.last_seconds_per_step = 0.0

    def note(self, steps: int, seconds: float) -> None:
        """Take in one call."""
        self._calls += 1
        self.last_seconds_per_step = seconds / max(steps, 1)
        if self._calls > 1:
            self._steps += steps
            self._seconds += seconds

    @property
    def seconds_per_step(self) -> float:
        """Return the mean over all calls but the first; 0 before there was another."""
        return self._seconds / max(self._steps, 1)

    @property
    def proven(self) -> bool:
        """Return whether enough was timed to judge the cost of a training by it."""
        return self._seconds >= CHUNK_SECONDS / 2

    def steps_of_next_call(self, step: int) -> int:
        """Return how many steps the next call should take.

        Args:
            step: How many steps were taken since the training began.
        """
        if self._fixed_chunks:
            return CHUNK_STEPS - step % CHUNK_STEPS
        if self._calls == 0:
            return 1
        if self._calls == 1 and self.last_seconds_per_step < _LONG_SECONDS:
            return _PROBE_STEPS
        return max(1, round(CHUNK_SECONDS / max(self.last_seconds_per_step, 1e-6)))
