"""Hold the update rules: what one step does to the two networks."""

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
