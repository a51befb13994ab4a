"""Follow a running study from what its listener hears: what a terminal or a notebook shows."""

import dataclasses
import time
from collections.abc import Callable

from harness.core.durations import format_seconds
from harness.core.events import Event, Finished, Paused, Progressed, RungScored, Started
from harness.gan.config.config import GANConfig


@dataclasses.dataclass
class ProgressRow:
    """Where one training stands.

    Args:
        name: Of the training.
        family: Of its networks.
        kimg: Thousands of real images shown to the discriminator.
        images_per_second: The same by time.
        last: The last score as text; `-` before the first.
        best: The best one.
    """

    name: str
    family: str
    kimg: float = 0.0
    images_per_second: float = 0.0
    last: str = "-"
    best: str = "-"

    def hear(self, event: Event) -> None:
        """Take in one event of the training."""
        if isinstance(event, Started | Progressed | RungScored):
            self.kimg = event.kimg
        if isinstance(event, Progressed):
            self.images_per_second = event.images_per_second
        if isinstance(event, RungScored):
            self.last, self.best = f"{event.score.value:.3f}", f"{event.best.value:.3f}"


class SweepProgress:
    """How far a study has come: its trainings that run, how many have ended, the best score.

    Args:
        trials: How many trials the study shall have, or a confirmation trainings at most.
        remains: Says what remains of a sweep that has so much time; None for one that has trials.
        counts: Whether a training of that name is one of them; None for trials of a search.

    Attributes:
        ended: How many have ended.
        running: The trainings that run, by name.
        best: The number of images of the best score, negative, its value and training; None
            before the first.
    """

    def __init__(
        self,
        trials: int,
        *,
        remains: Callable[[], str] | None = None,
        counts: Callable[[str], bool] | None = None,
    ) -> None:
        self.ended = self._ended_before = 0
        self.running: dict[str, ProgressRow] = {}
        self.best: tuple[int, float, str] | None = None
        self.trials = trials
        self._remains = remains
        self._counts = counts or str.isdigit
        self._began = time.monotonic()

    def opened(self, ended: int) -> None:
        """Take in how many have ended before."""
        self.ended = self._ended_before = ended
        self._began = time.monotonic()

    def hear(self, name: str, config: GANConfig, event: Event) -> ProgressRow:
        """Take in one event; return where its training stands."""
        row = self.running.setdefault(name, ProgressRow(name, config.family))
        row.hear(event)
        if isinstance(event, RungScored):
            best = (-event.best.protocol.num_images, event.best.value, name)
            self.best = min(self.best or best, best)
        if isinstance(event, Paused | Finished):
            del self.running[name]
        if isinstance(event, Finished):
            self.ended += self._counts(name) and event.outcome.superseded_by is None
        return row

    @property
    def count(self) -> str:
        """Return how many have ended, of how many where that is known."""
        return f"{self.ended}{'' if self._remains else f'/{self.trials}'} ended"

    @property
    def time_left(self) -> str:
        """Return what is left as the end of a sentence; empty where that is not known."""
        if self._remains is not None:
            return f"; {self._remains()}"
        done = self.ended - self._ended_before
        left = self.trials - self.ended
        if not done or left <= 0:
            return ""
        seconds = (time.monotonic() - self._began) / done * left
        return f", about {format_seconds(seconds)} left"

    @property
    def head(self) -> str:
        """Return in one line where the study stands."""
        best = f"  best so far {self.best[1]:.3f} (trial {self.best[2]})" if self.best else ""
        place = f"trial {min(self.ended + 1, self.trials)} of {self.trials}"
        return f"{self.count if self._remains else place}{best}{self.time_left}"
