"""State which losses, penalties and networks exclude each other; `rules.py` lists them."""

from harness.gan.config.choices import is_user_function
from harness.gan.config.sections import GANSettings

TARGETED_LOSSES = ("non_saturating", "least_squares")
"""Losses that aim at targets, which can be smoothed and made noisy."""

PAIRED_LOSSES = ("relativistic",)
"""Losses that compare each fake with a real image, so that D must judge both in one update."""

CRITIC_LOSSES = ("wasserstein",)
"""Losses without a bound of their own: D must not be able to grow as steep as it likes."""


def targets_where_used(config: GANSettings) -> str | None:
    """Return a fault where targets are to be changed that the loss has not."""
    loss = config.loss
    if loss.name in TARGETED_LOSSES or not (loss.label_smoothing or loss.label_noise):
        return None
    return (
        f"loss.label_smoothing and loss.label_noise need targets, which the loss "
        f"{loss.name} has not; received {loss.label_smoothing} and {loss.label_noise}"
    )


def targets_apart(config: GANSettings) -> str | None:
    """Return a fault where a real image's target may fall below a fake's."""
    loss = config.loss
    if 1 - loss.label_smoothing - loss.label_noise >= loss.label_noise:
        return None
    return (
        f"loss.label_smoothing + 2 loss.label_noise must be at most 1, or targets of real images "
        f"fall below those of fakes; received {loss.label_smoothing} and {loss.label_noise}"
    )


def pairs_together(config: GANSettings) -> str | None:
    """Return a fault where D is to learn from real and fake apart, and its loss pairs them."""
    paired = config.loss.name in PAIRED_LOSSES or is_user_function(config.loss.name)
    if not paired or not _sequential(config):
        return None
    return (
        f"update.discriminator_batches must be joint or separate with loss.name "
        f"{config.loss.name}, which sees real and fake logits together in one update; "
        f"received sequential"
    )


def weight_with_regularizer(config: GANSettings) -> str | None:
    """Return a fault where a penalty has no weight, or a weight or interval no penalty."""
    regularizer = config.regularizer
    if regularizer.name != "none":
        if regularizer.weight > 0:
            return None
        return (
            f"regularizer.weight must be above 0 with regularizer.name {regularizer.name}, such "
            f"as 10.0; received {regularizer.weight}"
        )
    if regularizer.weight == 0 and regularizer.interval == 1:
        return None
    return (
        f"regularizer.weight must be 0 and regularizer.interval 1 with regularizer.name none, "
        f"which they would not change; received {regularizer.weight} and {regularizer.interval}"
    )


def penalty_in_one_update(config: GANSettings) -> str | None:
    """Return a fault where D has two updates, neither of which a penalty belongs to."""
    if config.regularizer.name == "none" or not _sequential(config):
        return None
    return (
        f"update.discriminator_batches must be joint or separate with regularizer.name "
        f"{config.regularizer.name}, which belongs to neither of two updates; received sequential"
    )


def penalty_of_single_images(config: GANSettings) -> str | None:
    """Return a fault where a logit depends on other images than the one whose slope counts.

    `discriminator.minibatch_deviation` may go with a penalty, although its logits depend on the
    batch too: it adds one feature and leaves each image its own way to its logit, and what the
    penalty then sees besides is how steeply D uses that feature, which is as well kept flat.
    Batch normalization takes the mean and the spread that an image brings out of that way itself.
    Karras et al. join the deviation with the gradient penalty (2018, arXiv 1710.10196) and with R1
    (2020, arXiv 1912.04958).
    """
    if config.regularizer.name == "none" or config.discriminator.normalization != "batch":
        return None
    return (
        f"discriminator.normalization must not be batch with regularizer.name "
        f"{config.regularizer.name}: a penalty is on each logit's slope at its own image, and "
        f"batch normalization makes it depend on all the others"
    )


def critic_is_bounded(config: GANSettings) -> str | None:
    """Return a fault where nothing bounds the slope of a critic."""
    discriminator = config.discriminator
    if not bounded_by_kernels_alone(config):
        return None
    if not discriminator.spectral_normalization:
        return (
            f"loss.name {config.loss.name} needs a bound on the discriminator's slope: "
            f"regularizer.name gradient_penalty or discriminator.spectral_normalization true; "
            f"received {config.regularizer.name} and false. r1 and r2 flatten it at images, and "
            f"leave it free between real and fake ones"
        )
    unbounded = {
        "normalization": "dividing by the spread of activations lifts the bound",
        "attention": "its gate grows without one",
    }
    for field, reason in unbounded.items():
        received = getattr(discriminator, field)
        if received != "none":
            return (
                f"discriminator.{field} must be none with loss.name {config.loss.name} and no "
                f"bound on the slope but discriminator.spectral_normalization: {reason}; "
                f"received {received}. Or use regularizer.name gradient_penalty"
            )
    return None


def bounded_by_kernels_alone(config: GANSettings) -> bool:
    """Return whether a critic has no bound on its slope but what its own kernels give it."""
    return config.loss.name in CRITIC_LOSSES and config.regularizer.name != "gradient_penalty"


def _sequential(config: GANSettings) -> bool:
    return config.update.discriminator_batches == "sequential"
