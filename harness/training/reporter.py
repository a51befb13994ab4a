"""Print a training's losses at their cadence and what it will take; draw its curve."""

import dataclasses
import time
from collections.abc import Callable

from harness.core.durations import format_seconds
from harness.core.events import Event, Finished, Progressed, Started
from harness.core.files import write_bytes
from harness.gan.config.config import GANConfig
from harness.gan.monitor import MonitorConfig
from harness.tracking.jsonl_tracker import (
    HISTORY_NAME,
    JsonlTracker,
    read_history,
    rewrite_history,
)
from harness.training.calibration import Estimate
from harness.training.grid import png_bytes
from harness.training.loss_log import Losses, LossLog
from harness.training.loss_plot import draw_losses
from harness.training.training_folder import TrainingFolder

_SILENT_SECONDS = 60.0
"""Where losses are printed at a cadence, other lines come only after so long a silence."""


class Reporter:
    """What a training alone prints and draws on its way.

    It keeps the losses in the training's folder, so that their picture begins at the beginning
    whatever the tracker keeps.

    Args:
        config: The GAN.
        monitor: How it shows itself.
        folder: Where its history lies, and the picture of its losses will.
        images: Images of an epoch.
        tell: Shows a line.
        display: Shows events in its own way; gets progress only where no cadence prints it.
    """

    def __init__(
        self,
        config: GANConfig,
        monitor: MonitorConfig,
        *,
        folder: TrainingFolder,
        images: int,
        tell: Callable[[str], None],
        display: Callable[[Event], None],
    ) -> None:
        self._monitor = monitor
        self._folder = folder
        self._images = images
        self._tell = tell
        self._display = display
        self._half = 0.5 if monitor.discriminator_loss == "mean" else 1.0
        self._last_line = time.monotonic()
        past = _kept_losses(folder)
        self._kept = JsonlTracker(folder.losses_file)
        self._log = LossLog(
            monitor.print_every,
            images_per_step=round(1000 * config.kimg_per_step),
            images=images,
            history=past,
        )

    def on_estimate(self, estimate: Estimate) -> None:
        """Print what the training will take before it begins, and how to stop it."""
        costs = estimate.costs
        epochs = estimate.kimg * 1000 / self._images
        self._tell(
            f"About {format_seconds(estimate.seconds)} ahead: {estimate.kimg:.4g} kimg "
            f"({epochs:.3g} epochs) at {1 / costs.seconds_per_kimg * 1000:,.0f} images/s, and "
            f"{estimate.scores} scores of {format_seconds(max(1.0, costs.seconds_per_score))} "
            f"each. Ctrl-C stops and saves; the same command goes on from there."
        )

    def on_event(self, event: Event) -> None:
        """Take in one event.

        Raises:
            StorageError: If the losses cannot be kept, or their picture not be written.
        """
        if isinstance(event, Started | Progressed):
            self._kept.emit(event)
        losses = self._log.add(event)
        cadence = self._monitor.print_every
        if losses is not None and cadence is not None:
            self._tell(
                f"{cadence.unit} {losses.at:6g}  D loss {losses.discriminator * self._half:.4f}  "
                f"D accuracy {losses.accuracy:.1%}  G loss {losses.generator:.4f}"
            )
            self._last_line = time.monotonic()
        elif not isinstance(event, Progressed):
            self._display(event)
            self._last_line = time.monotonic()
        elif cadence is None or time.monotonic() - self._last_line > _SILENT_SECONDS:
            shown = event.discriminator_loss * self._half
            self._display(dataclasses.replace(event, discriminator_loss=shown))
            self._last_line = time.monotonic()
        if isinstance(event, Finished):
            self.draw()

    def close(self) -> None:
        """Close the file of the losses."""
        self._kept.close()

    def draw(self) -> None:
        """Save the picture of the losses so far; nothing before there is a line to draw.

        Raises:
            StorageError: If it cannot be written.
        """
        unit, points = self._log.curve()
        if len(points) < 2:
            return
        shown = [
            Losses(each.at, each.discriminator * self._half, each.generator, each.accuracy)
            for each in points
        ]
        title = f"Losses of {self._folder.path.name}"
        picture = draw_losses(shown, title=title, unit=unit)
        write_bytes(self._folder.loss_plot_file, png_bytes(picture))


def _kept_losses(folder: TrainingFolder) -> list[Event]:
    """Return what is known of the losses so far; a history alone is copied to where they lie."""
    if folder.losses_file.exists():
        return read_history(folder.losses_file)
    history = read_history(folder.path / HISTORY_NAME)
    past: list[Event] = [each for each in history if isinstance(each, Started | Progressed)]
    if past:
        rewrite_history(folder.losses_file, past)
    return past
