"""Choose how many steps one compiled call takes: by what they cost, and by what is due after."""

from harness.gan.monitor import Cadence, MonitorConfig

CHUNK_SECONDS = 2.0
"""How long one compiled call trains: long enough to cost nothing, short enough to stop soon."""

CHUNK_STEPS = 64
"""Steps of a call where nothing may depend on the clock; about a second for small GANs."""

_PROBE_STEPS = 4
"""Steps of the call after the first one."""

_LONG_SECONDS = 10.0
"""A first step that takes so long may not be due to compiling: the next is taken alone."""


class Speed:
    """The seconds that a step takes, leaving out the first call, which compiles.

    Args:
        fixed_chunks: Whether calls end at multiples of `CHUNK_STEPS` instead of taking about
            `CHUNK_SECONDS`. What is judged by the means over a call then repeats exactly.
    """

    def __init__(self, *, fixed_chunks: bool = False) -> None:
        self._fixed_chunks = fixed_chunks
        self._calls = 0
        self._steps = 0
        self._processor_seconds = 0.0
        self.last_seconds_per_step = 0.0

    def note(self, steps: int, seconds: float, processor_seconds: float) -> None:
        """Take in one call: by the clock, and how long processors worked on it."""
        self._calls += 1
        self.last_seconds_per_step = seconds / max(steps, 1)
        if self._calls > 1:
            self._steps += steps
            self._processor_seconds += processor_seconds

    @property
    def processor_seconds_per_step(self) -> float | None:
        """Return the mean over all calls but the first; None before there was another."""
        return self._processor_seconds / self._steps if self._steps else None

    def steps_of_next_call(self, step: int) -> int:
        """Return how many steps the next call should take.

        Args:
            step: How many steps were taken since the training began.
        """
        if self._fixed_chunks and step > 0:
            return CHUNK_STEPS - step % CHUNK_STEPS
        if self._calls == 0:
            return 1
        if self._calls == 1 and self.last_seconds_per_step < _LONG_SECONDS:
            return _PROBE_STEPS
        return max(1, round(CHUNK_SECONDS / max(self.last_seconds_per_step, 1e-6)))


class CadenceSchedule:
    """The steps after which one training prints its losses or shows sample images.

    Args:
        monitor: How often to print and to sample.
        images_per_step: Real images that D sees in a step.
        images: Images of an epoch.
    """

    def __init__(self, monitor: MonitorConfig, *, images_per_step: int, images: int) -> None:
        self._monitor = monitor
        self._size: dict[str, int] = {"images_per_step": images_per_step, "images": images}

    def steps_until_next(self, step: int, *, most: int) -> int:
        """Return the steps from `step` to where something is printed or shown, at most `most`."""
        cadences = (self._monitor.print_every, self._monitor.sample_every)
        return min([most, *(self._next(each, step) - step for each in cadences if each)])

    def sample_due(self, step: int) -> tuple[str, int] | None:
        """Return unit and number, such as ("epoch", 3), where a sample is due after `step`."""
        cadence = self._monitor.sample_every
        if cadence is None or step < 1 or self._next(cadence, step - 1) != step:
            return None
        return cadence.unit, cadence.times(step, **self._size) * cadence.count

    def samples_between(self, first: int, last: int) -> int:
        """Return how many samples are due after step `first` and up to `last`."""
        cadence = self._monitor.sample_every
        if cadence is None:
            return 0
        return cadence.times(last, **self._size) - cadence.times(first, **self._size)

    def _next(self, cadence: Cadence, step: int) -> int:
        return cadence.next_step(step, **self._size)
