"""State which settings of a GAN exclude each other, each rule with the fields that it reads."""

import dataclasses
from collections.abc import Callable

from harness.gan.config.choices import is_user_function
from harness.gan.config.sections import GANSettings

TARGETED_LOSSES = ("non_saturating", "least_squares")
"""Losses that aim at targets, which can be smoothed and made noisy."""

PAIRED_LOSSES = ("relativistic",)
"""Losses that compare each fake with a real image, so that D must judge both in one update."""

CRITIC_LOSSES = ("wasserstein",)
"""Losses without a bound of their own: D must not be able to grow as steep as it likes."""

WITHOUT_ATTENTION = ("mlp", "upsample", "dcgan", "conv")
"""Families without blocks between which attention could stand."""

WITH_DROPOUTS = ("mlp", "conv")
"""Discriminators whose hidden layers may each have a dropout of their own."""

MOST_UNITS = 8192
"""Channels of the widest hidden layer, which doubling must not exceed for any GPU to bear it."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A combination of settings that is forbidden.

    A search space is proven against each rule by trying what it allows for the rule's fields
    alone, so every field that `broken` and `message` read must be among them. It must not be
    broken by the middle of a range whose two ends keep it.

    Args:
        fields: Dotted paths of what is read.
        broken: Returns whether a configuration is one of those forbidden.
        message: What is wrong with it, a form that is filled with the configuration as `c`.
    """

    fields: tuple[str, ...]
    broken: Callable[[GANSettings], bool]
    message: str

    def fault(self, config: GANSettings) -> str | None:
        """Return what is wrong with a configuration, or None."""
        return self.message.format(c=config) if self.broken(config) else None


def bounded_by_kernels_alone(config: GANSettings) -> bool:
    """Return whether a critic has no bound on its slope but what its own kernels give it."""
    return config.loss.name in CRITIC_LOSSES and config.regularizer.name != "gradient_penalty"


def _is_simultaneous(config: GANSettings) -> bool:
    return config.update.order != "alternating"


def _is_sequential(config: GANSettings) -> bool:
    return config.update.discriminator_batches == "sequential"


def _is_penalized(config: GANSettings) -> bool:
    return config.regularizer.name != "none"


_SCHEDULE = tuple(
    f"schedule.{name}"
    for name in ("name", "warmup_kimg", "hold_kimg", "decay_kimg", "final_share")
)
_REGULARIZER = ("regularizer.name", "regularizer.weight", "regularizer.interval")
_CRITIC = (
    "loss.name",
    "regularizer.name",
    *(f"discriminator.{x}" for x in ("spectral_normalization", "normalization", "attention")),
)

RULES: tuple[Rule, ...] = (
    Rule(
        ("update.order", "update.discriminator_steps"),
        lambda c: _is_simultaneous(c) and c.update.discriminator_steps != 1,
        "update.discriminator_steps must be 1 when update.order is simultaneous; received "
        "{c.update.discriminator_steps}",
    ),
    Rule(
        ("update.order", "update.discriminator_batches"),
        lambda c: _is_simultaneous(c) and _is_sequential(c),
        "update.discriminator_batches must be joint or separate when update.order is "
        "simultaneous; received sequential",
    ),
    Rule(
        ("update.order", "update.fakes_in_inference_mode", "update.judge_in_inference_mode"),
        lambda c: (
            _is_simultaneous(c)
            and (c.update.fakes_in_inference_mode or c.update.judge_in_inference_mode)
        ),
        "update.fakes_in_inference_mode and update.judge_in_inference_mode must be false when "
        "update.order is simultaneous, which has one forward pass for both networks",
    ),
    Rule(
        ("loss.name", "loss.label_smoothing", "loss.label_noise"),
        lambda c: (
            c.loss.name not in TARGETED_LOSSES
            and (c.loss.label_smoothing > 0 or c.loss.label_noise > 0)
        ),
        "loss.label_smoothing and loss.label_noise need targets, which the loss {c.loss.name} "
        "has not; received {c.loss.label_smoothing} and {c.loss.label_noise}",
    ),
    Rule(
        ("loss.label_smoothing", "loss.label_noise"),
        lambda c: 1 - c.loss.label_smoothing - c.loss.label_noise < c.loss.label_noise,
        "loss.label_smoothing + 2 loss.label_noise must be at most 1, or targets of real images "
        "fall below those of fakes; received {c.loss.label_smoothing} and {c.loss.label_noise}",
    ),
    Rule(
        ("optimizer.name", "optimizer.weight_decay"),
        lambda c: (c.optimizer.name == "adamw") != (c.optimizer.weight_decay > 0),
        "optimizer.weight_decay must be above 0 when optimizer.name is adamw, and 0 otherwise; "
        "received {c.optimizer.weight_decay} with {c.optimizer.name}",
    ),
    Rule(
        _SCHEDULE,
        lambda c: (
            c.schedule.name == "constant"
            and (c.schedule.decay_kimg + c.schedule.hold_kimg > 0 or c.schedule.final_share > 0)
        ),
        "schedule.decay_kimg, schedule.hold_kimg and schedule.final_share must be 0 when "
        "schedule.name is constant; received {c.schedule.decay_kimg}, {c.schedule.hold_kimg} and "
        "{c.schedule.final_share}",
    ),
    Rule(
        _SCHEDULE,
        lambda c: (
            c.schedule.name != "constant"
            and c.schedule.decay_kimg <= max(c.schedule.warmup_kimg, c.schedule.hold_kimg)
        ),
        "schedule.decay_kimg must be above schedule.warmup_kimg and schedule.hold_kimg when "
        "schedule.name is {c.schedule.name}, whose decay lies behind both; received "
        "{c.schedule.decay_kimg}, {c.schedule.warmup_kimg} and {c.schedule.hold_kimg}",
    ),
    Rule(
        ("augment.noise", "augment.noise_kimg"),
        lambda c: (c.augment.noise > 0) != (c.augment.noise_kimg > 0),
        "augment.noise and augment.noise_kimg must both be above 0 or both be 0; received "
        "{c.augment.noise} and {c.augment.noise_kimg}",
    ),
    Rule(
        ("ema.half_life_kimg", "ema.ramp"),
        lambda c: c.ema.half_life_kimg == 0 and c.ema.ramp > 0,
        "ema.ramp must be 0 when ema.half_life_kimg is 0, which turns averaging off; received "
        "{c.ema.ramp}",
    ),
    Rule(
        ("loss.name", "update.discriminator_batches"),
        lambda c: (
            _is_sequential(c) and (c.loss.name in PAIRED_LOSSES or is_user_function(c.loss.name))
        ),
        "update.discriminator_batches must be joint or separate with loss.name {c.loss.name}, "
        "which sees real and fake logits together in one update; received sequential",
    ),
    Rule(
        _REGULARIZER,
        lambda c: _is_penalized(c) and c.regularizer.weight == 0,
        "regularizer.weight must be above 0 with regularizer.name {c.regularizer.name}, such as "
        "10.0; received {c.regularizer.weight}",
    ),
    Rule(
        _REGULARIZER,
        lambda c: (
            not _is_penalized(c) and (c.regularizer.weight != 0 or c.regularizer.interval != 1)
        ),
        "regularizer.weight must be 0 and regularizer.interval 1 with regularizer.name none, "
        "which they would not change; received {c.regularizer.weight} and "
        "{c.regularizer.interval}",
    ),
    Rule(
        ("regularizer.name", "update.discriminator_batches"),
        lambda c: _is_penalized(c) and _is_sequential(c),
        "update.discriminator_batches must be joint or separate with regularizer.name "
        "{c.regularizer.name}, which belongs to neither of two updates; received sequential",
    ),
    # discriminator.minibatch_deviation may go with a penalty, although its logits depend on the
    # batch too: it adds one feature and leaves each image its own way to its logit, and what the
    # penalty then sees besides is how steeply D uses that feature, which is as well kept flat.
    # Batch normalization takes the mean and the spread that an image brings out of that way
    # itself. Karras et al. join the deviation with the gradient penalty (2018, arXiv 1710.10196)
    # and with R1 (2020, arXiv 1912.04958).
    Rule(
        ("regularizer.name", "discriminator.normalization"),
        lambda c: _is_penalized(c) and c.discriminator.normalization == "batch",
        "discriminator.normalization must not be batch with regularizer.name "
        "{c.regularizer.name}: a penalty is on each logit's slope at its own image, and batch "
        "normalization makes it depend on all the others",
    ),
    Rule(
        _CRITIC,
        lambda c: bounded_by_kernels_alone(c) and not c.discriminator.spectral_normalization,
        "loss.name {c.loss.name} needs a bound on the discriminator's slope: regularizer.name "
        "gradient_penalty or discriminator.spectral_normalization true; received "
        "{c.regularizer.name} and false. r1 and r2 flatten it at images, and leave it free "
        "between real and fake ones",
    ),
    *(
        Rule(
            _CRITIC,
            lambda c, field=field: (  # type: ignore[misc]  # a lambda's default has no type
                bounded_by_kernels_alone(c)
                and c.discriminator.spectral_normalization
                and getattr(c.discriminator, field) != "none"
            ),
            f"discriminator.{field} must be none with loss.name {{c.loss.name}} and no bound on "
            f"the slope but discriminator.spectral_normalization: {reason}; received "
            f"{{c.discriminator.{field}}}. Or use regularizer.name gradient_penalty",
        )
        for field, reason in (
            ("normalization", "dividing by the spread of activations lifts the bound"),
            ("attention", "its gate grows without one"),
        )
    ),
    *(
        Rule(
            (f"{network}.width", f"{network}.depth", f"{network}.widths"),
            lambda c, network=network: getattr(c, network).widest > MOST_UNITS,  # type: ignore[misc]
            f"{network}.width doubles with each layer of {network}.depth, and must reach at most "
            f"{MOST_UNITS}; received {{c.{network}.width}} and {{c.{network}.depth}}, which "
            f"reach {{c.{network}.widest}}",
        )
        for network in ("generator", "discriminator")
    ),
    *(
        Rule(
            (f"{network}.name", f"{network}.attention"),
            lambda c, network=network: (  # type: ignore[misc]
                getattr(c, network).attention != "none"
                and getattr(c, network).name in WITHOUT_ATTENTION
            ),
            f"{network}.attention must be none unless {network}.name is resnet; received "
            f"{{c.{network}.attention}} with {{c.{network}.name}}",
        )
        for network in ("generator", "discriminator")
    ),
    Rule(
        tuple(f"discriminator.{name}" for name in ("dropouts", "name", "depth", "widths")),
        lambda c: (
            c.discriminator.dropouts is not None
            and (
                c.discriminator.name not in WITH_DROPOUTS
                or len(c.discriminator.dropouts) != c.discriminator.hidden_layers
            )
        ),
        "discriminator.dropouts must hold one share for each of the "
        "{c.discriminator.hidden_layers} hidden layers, and discriminator.name be "
        f"{' or '.join(WITH_DROPOUTS)}; received {{c.discriminator.dropouts}} with "
        "{c.discriminator.name}",
    ),
    Rule(
        ("discriminator.attention", "discriminator.depth", "discriminator.widths"),
        lambda c: c.discriminator.attention == "quarter" and c.discriminator.hidden_layers < 2,
        "discriminator.depth must be at least 2 when discriminator.attention is quarter, the "
        "size after two blocks; received {c.discriminator.hidden_layers}",
    ),
    Rule(
        ("generator.conditioning", "generator.normalization"),
        lambda c: (
            c.generator.conditioning == "conditional_batch"
            and c.generator.normalization != "batch"
        ),
        "generator.normalization must be batch when generator.conditioning is conditional_batch; "
        "received {c.generator.normalization}",
    ),
    Rule(
        ("discriminator.minibatch_deviation", "update.discriminator_batches"),
        lambda c: (
            c.discriminator.minibatch_deviation and c.update.discriminator_batches == "joint"
        ),
        "update.discriminator_batches must be separate or sequential when "
        "discriminator.minibatch_deviation is true, or real and fake images would share one "
        "deviation; received joint",
    ),
)
