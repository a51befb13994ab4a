"""Define GANConfig: everything that determines a training; with its ingredients, all defaults."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from harness.gan.config.rules import RULES
from harness.gan.config.sections import (
    AugmentConfig,
    DiscriminatorConfig,
    EMAConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    RegularizerConfig,
    ScheduleConfig,
    Section,
    UpdateConfig,
)
from harness.gan.user_code.user_functions import plain_name


class GANConfig(Section):
    """Determine one training completely, given a data set.

    Args:
        conditional: Whether both networks are told the label.
        batch_size: Real images per D update.
        seed: Origin of every random stream of the training.
        generator: The generator.
        discriminator: The discriminator.
        loss: What they minimise.
        regularizer: What the discriminator pays for its slope.
        augment: What happens to images on their way to the discriminator.
        optimizer: What their optimizers share.
        schedule: How their learning rates change.
        update: The order of updates.
        ema: Averaging of the generator's weights.
        precision: Of the arithmetic inside the networks while they train; weights, images, logits
            and losses are float32 in either case, and so is every generator scored or saved.
    """

    conditional: bool = True
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 64
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    regularizer: RegularizerConfig = RegularizerConfig()
    augment: AugmentConfig = AugmentConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    update: UpdateConfig = UpdateConfig()
    ema: EMAConfig = EMAConfig()
    precision: Literal["float32", "bfloat16"] = "float32"

    @property
    def family(self) -> str:
        """Return the family, which is the generator's name."""
        return plain_name(self.generator.name)

    @property
    def kimg_per_step(self) -> float:
        """Return how many thousand real images the discriminator sees in one step."""
        return self.batch_size * self.update.discriminator_steps / 1000

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        for rule in RULES:
            fault = rule.fault(self)
            if fault:
                raise ValueError(fault)
        return self
