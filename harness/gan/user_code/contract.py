"""Import functions of the user's own, and hold them to their contract before anything trains.

The contract stands in docs/guides/own-networks-and-losses.md.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import DISCRIMINATORS
from harness.gan.networks.generators import GENERATORS
from harness.gan.networks.layers import Build, ImageShape, check_request
from harness.gan.updates.losses import LOSSES, Loss
from harness.gan.user_code.checks import check_form, check_loss, check_values
from harness.gan.user_code.loader import broken, call, import_function
from harness.gan.user_code.user_functions import UserFunctions

_BUILDERS = {"generator": GENERATORS, "discriminator": DISCRIMINATORS}


def register_user_functions(
    functions: UserFunctions, image_shape: ImageShape, num_classes: int
) -> None:
    """Import functions of the user's own, check them, and let trainings find them by name.

    From then on `GENERATORS`, `DISCRIMINATORS` and `LOSSES` of this process hold them.

    Args:
        functions: The files, and configurations that name each function.
        image_shape: (height, width, channels) of the images to be learnt.
        num_classes: Number of their classes; 0 where they have no labels.

    Raises:
        ConfigError: Says which function breaks the contract, and how; or that its file is
            missing or another one than the configuration was made with.
    """
    uses = list(functions.uses())
    for role, name, config in uses:
        function = import_function(name, functions.files)
        if role == "loss":
            LOSSES[name] = _make_loss(name, function)
            continue
        # Without labels a conditional configuration is refused by another message.
        check_request(config, image_shape, num_classes)
        build = _checked(role, name, function)
        check_values(role, name, build(config, image_shape, num_classes), config, num_classes)
        _BUILDERS[role][name] = build
    if uses:
        keras.utils.clear_session()  # forget the networks that were tried


def _checked(role: str, name: str, function: Callable[..., Any]) -> Build:
    """Return a function that builds as the user's does, and looks at what it returns.

    A trial's width may break what the example's did not.
    """
    _check_signature(name, function, "(config, image_shape, num_classes)", count=3)

    def build(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
        # Layers without names are numbered; checkpoints know them by name, so begin anew.
        keras.utils.clear_session(free_memory=False)
        model = call(name, function, config, image_shape, num_classes)
        check_form(role, name, model, config, image_shape=image_shape, num_classes=num_classes)
        return model

    return build


def _make_loss(name: str, function: Callable[..., Any]) -> Loss:
    _check_signature(name, function, "()", count=0)
    made = call(name, function)
    if isinstance(made, tuple) and len(made) == 2 and all(callable(each) for each in made):
        discriminator, generator = made
        # What it calls real is its own: the boundary is halfway between the means.
        made = Loss(lambda real, fake, _: discriminator(real, fake), generator, boundary=None)
    if not isinstance(made, Loss):
        raise broken(
            name,
            f"must return a harness.gan.updates.losses.Loss, or two functions (discriminator, "
            f"generator) of real and fake logits; returned {type(made).__name__}.",
        )
    check_loss(name, made)
    return made


def _check_signature(
    name: str, function: Callable[..., Any], expected: str, *, count: int
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C: calling it will tell
        return
    try:
        signature.bind(*range(count))
    except TypeError as error:
        raise ConfigError(
            f"{broken(name, f'is called as {expected}')}, but is declared as {signature}: {error}."
        ) from error
