"""The names that settings may take, without loading TensorFlow to look.

The functions themselves stand in `GENERATORS`, `DISCRIMINATORS`, `LOSSES`, `REGULARIZERS`,
`OPTIMIZERS` and `SCHEDULES`; a test holds their keys to these names.
"""

import re
from collections.abc import Callable

from harness.core.errors import near_miss

GENERATOR_NAMES = ("mlp", "upsample", "dcgan", "resnet")
DISCRIMINATOR_NAMES = ("mlp", "conv", "resnet")
LOSS_NAMES = ("non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")
REGULARIZER_NAMES = ("none", "gradient_penalty", "r1", "r2", "r1_r2")
OPTIMIZER_NAMES = ("adam", "adamw", "rmsprop")
SCHEDULE_NAMES = ("constant", "linear", "cosine")

_REFERENCE = re.compile(
    r"(?P<path>[^:@]*[^:@/\\]\.py):(?P<function>[^:@]+)(@(?P<sha256>[0-9a-f]{64}))?"
)
"""`FILE.py:FUNCTION`, with the file's hash once it is pinned."""


def one_of(known: tuple[str, ...], *, or_own: bool = False) -> Callable[[str], str]:
    """Return a check that lets these names pass.

    Args:
        known: The names.
        or_own: Whether a function of the user's own may stand in their place.
    """

    def check(name: str) -> str:
        if name in known or (or_own and is_user_function(name)):
            return name
        own = " or a function of your own such as my_file.py:build" if or_own else ""
        raise ValueError(
            f"must be one of {', '.join(known)}{own}; received {name!r}.{near_miss(name, known)}"
        )

    return check


def is_user_function(name: str) -> bool:
    """Return whether a name is that of a function of the user's own."""
    return _REFERENCE.fullmatch(name) is not None


def plain_name(name: str) -> str:
    """Return a name for people: `my_file.py:build` without the hash; other names as they are."""
    return name.partition("@")[0] if is_user_function(name) else name


def split_name(name: str) -> tuple[str, str, str]:
    """Return the file, the function and the hash that a pinned name consists of."""
    match = _REFERENCE.fullmatch(name)
    path, function, sha256 = match.group("path", "function", "sha256") if match else (name, "", "")
    return path, function, sha256 or ""
