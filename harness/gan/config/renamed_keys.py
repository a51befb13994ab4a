"""Refuse keys of configurations that are called otherwise now, naming the new ones."""

from collections.abc import Mapping
from typing import Any

from harness.core.nested import flatten

RENAMED_KEYS = {
    "regulariser": "regularizer",
    "generator.normalisation": "generator.normalization",
    "discriminator.normalisation": "discriminator.normalization",
    "discriminator.spectral_normalisation": "discriminator.spectral_normalization",
}
"""Dotted paths of fields or whole sections, and what they are called now."""


def renamed_fault(key: str) -> str | None:
    """Return the fault of a dotted key that is called otherwise now; None for any other."""
    for old, new in RENAMED_KEYS.items():
        if key == old or key.startswith(f"{old}."):
            return f"{key} is now called {new}{key.removeprefix(old)}."
    return None


def renamed_faults(config: Mapping[str, Any]) -> list[str]:
    """Return the faults of all such keys in a nested or dotted configuration."""
    return [fault for key, _ in flatten(config) if (fault := renamed_fault(key))]
