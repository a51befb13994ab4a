"""The names that settings may take, without loading TensorFlow to look.

The functions themselves stand in `GENERATORS`, `DISCRIMINATORS`, `LOSSES`, `REGULARIZERS`,
`OPTIMIZERS` and `SCHEDULES`; a test holds their keys to these names.
"""

from collections.abc import Callable

from harness.core.errors import near_miss
from harness.gan.config.references import is_user_function

GENERATOR_NAMES = ("mlp", "upsample", "dcgan", "resnet")
DISCRIMINATOR_NAMES = ("mlp", "conv", "resnet")
LOSS_NAMES = ("non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")
REGULARIZER_NAMES = ("none", "gradient_penalty", "r1", "r2", "r1_r2")
OPTIMIZER_NAMES = ("adam", "adamw", "rmsprop")
SCHEDULE_NAMES = ("constant", "linear", "cosine")


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
