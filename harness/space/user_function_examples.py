"""Draw configurations that show every function of the user's own that a search space names."""

import random

from harness.gan.config.choices import is_user_function
from harness.gan.config.config import build_config
from harness.gan.user_code.user_functions import ROLES, UserFunctions, named_functions
from harness.space.feasibility import sample_values
from harness.space.space import SearchSpace

_DRAWS = 300


def user_functions(space: SearchSpace) -> UserFunctions:
    """Return the functions of the user's own that trials may name, each in an example.

    Args:
        space: What is searched.
    """
    rng = random.Random(0)
    wanted = _names(space)
    examples = []
    for _ in range(_DRAWS):
        if not wanted:
            break
        config = build_config(sample_values(space.parameters, rng))
        if wanted.intersection(named_functions(config)):
            wanted.difference_update(named_functions(config))
            examples.append(config)
    return UserFunctions(space.files, tuple(examples))


def _names(space: SearchSpace) -> set[tuple[str, str]]:
    return {
        (role, str(value))
        for role in ROLES
        for part in space.parameters
        if part.name == f"{role}.name"
        for value in part.values or ()
        if is_user_function(str(value))
    }
