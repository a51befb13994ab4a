"""State which settings of a GAN exclude each other, each rule with the fields that it reads."""

import dataclasses
from collections.abc import Callable

from harness.gan.config import loss_rules, network_rules
from harness.gan.config.sections import GANSettings


@dataclasses.dataclass(frozen=True)
class Rule:
    """A combination of settings that is forbidden.

    A search space is proven against each rule by trying what it allows for the rule's fields
    alone, so every field that `fault` reads must be among them. It must not be broken by the
    middle of a range whose two ends keep it.

    Args:
        fields: Dotted paths of what `fault` reads.
        fault: Returns what is wrong with a configuration, or None.
    """

    fields: tuple[str, ...]
    fault: Callable[[GANSettings], str | None]


def one_discriminator_step(config: GANSettings) -> str | None:
    """Return a fault where one forward pass is to update D several times."""
    if config.update.order == "alternating" or config.update.discriminator_steps == 1:
        return None
    return (
        f"update.discriminator_steps must be 1 when update.order is simultaneous; "
        f"received {config.update.discriminator_steps}"
    )


def no_simultaneous_sequence(config: GANSettings) -> str | None:
    """Return a fault where one forward pass is to update D twice."""
    update = config.update
    if update.order == "alternating" or update.discriminator_batches != "sequential":
        return None
    return (
        "update.discriminator_batches must be joint or separate when update.order is "
        "simultaneous; received sequential"
    )


def one_training_pass(config: GANSettings) -> str | None:
    """Return a fault where the one forward pass is to be an inference pass as well."""
    update = config.update
    inference = update.fakes_in_inference_mode or update.judge_in_inference_mode
    if update.order == "alternating" or not inference:
        return None
    return (
        "update.fakes_in_inference_mode and update.judge_in_inference_mode must be false "
        "when update.order is simultaneous, which has one forward pass for both networks"
    )


def decay_where_decoupled(config: GANSettings) -> str | None:
    """Return a fault where weight decay is asked for without its optimizer, or the reverse."""
    optimizer = config.optimizer
    if (optimizer.name == "adamw") == (optimizer.weight_decay > 0):
        return None
    return (
        f"optimizer.weight_decay must be above 0 when optimizer.name is adamw, and 0 otherwise; "
        f"received {optimizer.weight_decay} with {optimizer.name}"
    )


def decay_where_scheduled(config: GANSettings) -> str | None:
    """Return a fault where a decay has no length, or a constant rate has one."""
    schedule = config.schedule
    if schedule.name == "constant" and (schedule.decay_kimg or schedule.final_share):
        return (
            f"schedule.decay_kimg and schedule.final_share must be 0 when schedule.name is "
            f"constant; received {schedule.decay_kimg} and {schedule.final_share}"
        )
    if schedule.name != "constant" and schedule.decay_kimg <= schedule.warmup_kimg:
        return (
            f"schedule.decay_kimg must be above schedule.warmup_kimg when schedule.name is "
            f"{schedule.name}, whose decay lies between the two; received "
            f"{schedule.decay_kimg} and {schedule.warmup_kimg}"
        )
    return None


def noise_with_an_end(config: GANSettings) -> str | None:
    """Return a fault where instance noise has no time to fall, or there is only the time."""
    augment = config.augment
    if (augment.noise > 0) == (augment.noise_kimg > 0):
        return None
    return (
        f"augment.noise and augment.noise_kimg must both be above 0 or both be 0; "
        f"received {augment.noise} and {augment.noise_kimg}"
    )


def ramp_of_an_average(config: GANSettings) -> str | None:
    """Return a fault where an average that is turned off is to be ramped up."""
    ema = config.ema
    if ema.half_life_kimg or not ema.ramp:
        return None
    return (
        f"ema.ramp must be 0 when ema.half_life_kimg is 0, which turns averaging off; "
        f"received {ema.ramp}"
    )


RULES: tuple[Rule, ...] = (
    Rule(("update.order", "update.discriminator_steps"), one_discriminator_step),
    Rule(("update.order", "update.discriminator_batches"), no_simultaneous_sequence),
    Rule(
        (
            "update.order",
            "update.fakes_in_inference_mode",
            "update.judge_in_inference_mode",
        ),
        one_training_pass,
    ),
    Rule(("loss.name", "loss.label_smoothing", "loss.label_noise"), loss_rules.targets_where_used),
    Rule(("loss.label_smoothing", "loss.label_noise"), loss_rules.targets_apart),
    Rule(("optimizer.name", "optimizer.weight_decay"), decay_where_decoupled),
    Rule(
        (
            "schedule.name",
            "schedule.warmup_kimg",
            "schedule.decay_kimg",
            "schedule.final_share",
        ),
        decay_where_scheduled,
    ),
    Rule(("augment.noise", "augment.noise_kimg"), noise_with_an_end),
    Rule(("ema.half_life_kimg", "ema.ramp"), ramp_of_an_average),
    Rule(("loss.name", "update.discriminator_batches"), loss_rules.pairs_together),
    Rule(
        ("regularizer.name", "regularizer.weight", "regularizer.interval"),
        loss_rules.weight_with_regularizer,
    ),
    Rule(("regularizer.name", "update.discriminator_batches"), loss_rules.penalty_in_one_update),
    Rule(("regularizer.name", "discriminator.normalization"), loss_rules.penalty_of_single_images),
    Rule(
        (
            "loss.name",
            "regularizer.name",
            "discriminator.spectral_normalization",
            "discriminator.normalization",
            "discriminator.attention",
        ),
        loss_rules.critic_is_bounded,
    ),
    Rule(
        (
            "generator.width",
            "generator.depth",
            "generator.widths",
            "discriminator.width",
            "discriminator.depth",
            "discriminator.widths",
        ),
        network_rules.layers_that_memory_holds,
    ),
    Rule(
        (
            "generator.name",
            "generator.attention",
            "discriminator.name",
            "discriminator.attention",
        ),
        network_rules.attention_between_blocks,
    ),
    Rule(
        (
            "discriminator.dropouts",
            "discriminator.name",
            "discriminator.depth",
            "discriminator.widths",
        ),
        network_rules.dropout_for_each_layer,
    ),
    Rule(
        ("discriminator.attention", "discriminator.depth", "discriminator.widths"),
        network_rules.attention_at_a_size_there_is,
    ),
    Rule(
        ("generator.conditioning", "generator.normalization"),
        network_rules.conditional_batch_of_a_batch,
    ),
    Rule(
        ("discriminator.minibatch_deviation", "update.discriminator_batches"),
        network_rules.deviation_of_one_kind,
    ),
)
