"""The update rules: what one step does to the two networks.

May import core, `gan.config` and `gan.networks`. `STEPS` are functions of a `Pair` of networks and
a `BatchSource` of images and noise; losses, regularizers, optimizers, schedules and averaging are
one file each. A trial's `Trainer` compiles them into its loop.
"""

from collections.abc import Callable
from typing import Any

from harness.gan.updates.alternating import alternating_step
from harness.gan.updates.batches import BatchSource
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.simultaneous import simultaneous_step

STEPS: dict[str, Callable[[Pair, BatchSource, Any], Any]] = {
    "alternating": alternating_step,
    "simultaneous": simultaneous_step,
}

__all__ = ["STEPS", "Pair", "alternating_step", "simultaneous_step"]
