"""State which settings of the networks exclude each other; `rules.py` lists them."""

from harness.gan.config.sections import GANSettings

WITHOUT_ATTENTION = ("mlp", "upsample", "dcgan", "conv")
"""Families without blocks between which attention could stand."""

WITH_DROPOUTS = ("mlp", "conv")
"""Discriminators whose hidden layers may each have a dropout of their own."""


_MOST_UNITS = 8192


def layers_that_memory_holds(config: GANSettings) -> str | None:
    """Return a fault where doubling makes the last hidden layer wider than any GPU can bear."""
    for where, network in (
        ("generator", config.generator),
        ("discriminator", config.discriminator),
    ):
        widest = max(network.widths or (network.width * 2 ** (network.depth - 1),))
        if widest > _MOST_UNITS:
            return (
                f"{where}.width doubles with each layer of {where}.depth, and must reach at most "
                f"{_MOST_UNITS}; received {network.width} and {network.depth}, which reach "
                f"{widest}"
            )
    return None


def attention_between_blocks(config: GANSettings) -> str | None:
    """Return a fault where attention is asked of a network that has no place for it."""
    for where, network in (
        ("generator", config.generator),
        ("discriminator", config.discriminator),
    ):
        if network.attention != "none" and network.name in WITHOUT_ATTENTION:
            return (
                f"{where}.attention must be none unless {where}.name is resnet; received "
                f"{network.attention} with {network.name}"
            )
    return None


def attention_at_a_size_there_is(config: GANSettings) -> str | None:
    """Return a fault where the discriminator ends before the size that attention is to see."""
    settings = config.discriminator
    depth = len(settings.widths or ()) or settings.depth
    if settings.attention != "quarter" or depth >= 2:
        return None
    return (
        f"discriminator.depth must be at least 2 when discriminator.attention is quarter, the "
        f"size after two blocks; received {depth}"
    )


def dropout_for_each_layer(config: GANSettings) -> str | None:
    """Return a fault where the list of dropouts is not as long as that of hidden layers."""
    settings = config.discriminator
    if settings.dropouts is None:
        return None
    depth = len(settings.widths or ()) or settings.depth
    if settings.name in WITH_DROPOUTS and len(settings.dropouts) == depth:
        return None
    return (
        f"discriminator.dropouts must hold one share for each of the {depth} hidden layers, and "
        f"discriminator.name be {' or '.join(WITH_DROPOUTS)}; received {len(settings.dropouts)} "
        f"with {settings.name}"
    )


def conditional_batch_of_a_batch(config: GANSettings) -> str | None:
    """Return a fault where the label is to steer a batch normalization that is not there."""
    settings = config.generator
    if settings.conditioning != "conditional_batch" or settings.normalization == "batch":
        return None
    return (
        f"generator.normalization must be batch when generator.conditioning is "
        f"conditional_batch; received {settings.normalization}"
    )


def deviation_of_one_kind(config: GANSettings) -> str | None:
    """Return a fault where the batch whose deviation D sees holds real and fake images."""
    if not config.discriminator.minibatch_deviation:
        return None
    if config.update.discriminator_batches != "joint":
        return None
    return (
        "update.discriminator_batches must be separate or sequential when "
        "discriminator.minibatch_deviation is true, or real and fake images would share one "
        "deviation; received joint"
    )
