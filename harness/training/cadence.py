"""Find the steps after which a training prints its losses or shows sample images."""

from harness.gan.monitor import Cadence, MonitorConfig


class CadenceSchedule:
    """Apply what a monitor says to one training.

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
