"""The values that options may take: commands show and refuse them by these Literals."""

import dataclasses
from typing import Any, Literal, get_args, get_origin

from harness.core.errors import ConfigError, near_miss

TrackerName = Literal["wandb", "jsonl", "none"]
RequestedMode = Literal["auto", "online", "offline", "disabled"]
Keep = Literal["all", "best", "none"]
Engine = Literal["local", "ray"]
FileRoute = Literal["auto", "shared", "travel"]
SplitName = Literal["train", "validation", "test"]
Fit = Literal["crop", "stretch"]
PixelRange = Literal["-1,1", "0,1", "0,255"]
Noise = Literal["normal", "uniform"]


def check_choices(options: Any) -> None:
    """Check the fields of a dataclass whose type is a Literal: Python lets any value in.

    Raises:
        ConfigError: If one holds none of its values.
    """
    for field in dataclasses.fields(options):
        known, value = get_args(field.type), getattr(options, field.name)
        if get_origin(field.type) is Literal and value not in known:
            raise ConfigError(
                f"{field.name}: expected one of {', '.join(known)}; received {value!r}."
                f"{near_miss(str(value), known)}"
            )
