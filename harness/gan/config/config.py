"""Define GANConfig: everything that determines a training, checked as a whole."""

from collections.abc import Mapping
from typing import Any, Self

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


def unchecked_config(values: Mapping[str, Any]) -> GANConfig:
    """Return what `build_config` would, without looking whether the values go together."""
    config = GANConfig()
    sections = {
        name: getattr(config, name).model_copy(update=value) if isinstance(value, dict) else value
        for name, value in _nested(values).items()
    }
    return config.model_copy(update=sections)


def build_config(values: Mapping[str, Any], *, seed: int = 0) -> GANConfig:
    """Return the configuration with these values by dotted path; defaults fill in the rest.

    Raises:
        pydantic.ValidationError: If the values do not go together.
    """
    return GANConfig.model_validate({"seed": seed} | _nested(values))


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in values.items():
        section, _, leaf = name.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[leaf] = value
    return nested
