"""Configure how a training shows itself on its way, in losses and pictures: no result changes."""

import dataclasses
import re
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict

from harness.core.errors import ConfigError

_FORM = re.compile(r"(\d+) ?(batch|batches|epoch|epochs|kimg)")

Unit = Literal["batch", "epoch", "kimg"]


@dataclasses.dataclass(frozen=True)
class Cadence:
    """How often something happens.

    An epoch has as many images as the training split, a kimg a thousand; a batch is one step, D's
    updates and G's.

    Args:
        count: At least 1.
        unit: `batch`, `epoch` or `kimg`.
    """

    count: int
    unit: Unit

    def times(self, step: int, *, images_per_step: int, images: int) -> int:
        """Return how often it has happened when so many steps are done.

        Args:
            step: Steps since the training began.
            images_per_step: Real images that D sees in a step.
            images: Images of an epoch.
        """
        return step * images_per_step // self._interval(images_per_step, images)

    def next_step(self, step: int, *, images_per_step: int, images: int) -> int:
        """Return the first step after `step` at whose end it happens; arguments as for `times`."""
        times = self.times(step, images_per_step=images_per_step, images=images)
        interval = self._interval(images_per_step, images)
        return -(-(times + 1) * interval // images_per_step)

    def _interval(self, images_per_step: int, images: int) -> int:
        sizes: dict[Unit, int] = {"batch": images_per_step, "epoch": images, "kimg": 1000}
        return self.count * sizes[self.unit]


def parse_cadence(text: str, option: str) -> Cadence:
    """Return what `50 batches`, `1 epoch`, `10 epochs` or `5 kimg` says.

    Args:
        text: What was written.
        option: Its name, for the message.

    Raises:
        ConfigError: If it is no cadence.
    """
    found = _FORM.fullmatch(text.strip())
    if not found or int(found[1]) < 1:
        raise ConfigError(
            f"{option}: expected a number of batches, epochs or kimg such as `50 batches`, "
            f"`1 epoch` or `5 kimg`; received {text!r}."
        )
    units: dict[str, Unit] = {"batches": "batch", "epochs": "epoch"}
    return Cadence(int(found[1]), units.get(found[2], cast(Unit, found[2])))


def _cadence(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_cadence(value, "it")
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("it: ")) from error


class MonitorConfig(BaseModel):
    """What a configuration's file asks for under `monitor`; no result depends on it.

    Args:
        print_every: How often to print the mean losses since the last time.
        sample_every: How often to save a grid of sample images.
        discriminator_loss: What is printed and plotted of D's loss: the `sum` of its terms for
            real and for fake images, which it minimizes, or their `mean`, as many sources print.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    print_every: Annotated[Cadence | None, BeforeValidator(_cadence)] = None
    sample_every: Annotated[Cadence | None, BeforeValidator(_cadence)] = None
    discriminator_loss: Literal["sum", "mean"] = "sum"


UNMONITORED = MonitorConfig()
"""Nothing beside the scores."""
