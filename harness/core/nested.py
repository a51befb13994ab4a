"""Flatten nested mappings into pairs of dotted path and value."""

from collections.abc import Mapping
from typing import Any


def flatten(
    nested: Mapping[str, Any], *, depth: int | None = None, prefix: str = ""
) -> list[tuple[str, Any]]:
    """Return pairs of dotted path and value from a nested, dotted or mixed mapping.

    Args:
        nested: Mappings in mappings; a path may occur twice, once nested and once dotted.
        depth: How many levels to join into one path; what lies deeper stays in one piece. None
            for all of them.
        prefix: What each path begins with.
    """
    pairs: list[tuple[str, Any]] = []
    for key, value in nested.items():
        if isinstance(value, Mapping) and depth != 1:
            deeper = None if depth is None else depth - 1
            pairs += flatten(value, depth=deeper, prefix=f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", value))
    return pairs
