"""Define GANConfig: everything that determines a training, checked as a whole."""

from typing import Self

from pydantic import model_validator

from harness.gan.config.choices import plain_name
from harness.gan.config.rules import RULES
from harness.gan.config.sections import GANSettings


class GANConfig(GANSettings):
    """Settings that go together: given a data set, they determine one training completely."""

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
