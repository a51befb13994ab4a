"""The parameters of a search space: fields of GANConfig, and what each can be."""

import dataclasses
import json
import math
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from harness.space.fields import Field

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

# Optuna compares stepped floats with this tolerance too.
_GRID_TOLERANCE = 1e-8


@dataclasses.dataclass(frozen=True)
class Fixed:
    """One value that no trial changes; Optuna never sees it.

    Args:
        value: The value, as GANConfig stores it.
    """

    value: Any

    def sample(self, rng: random.Random) -> Any:
        """Return the value."""
        return self.value

    def suggest(self, trial: "BaseTrial", name: str) -> Any:
        """Return the value; the trial records nothing."""
        return self.value

    def distribution(self) -> "BaseDistribution | None":
        """Return None: there is nothing to search."""
        return None

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None if it is the fixed one."""
        return None if value == self.value else f"is fixed to {_show(self.value)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form."""
        return {"value": _plain(self.value)}


@dataclasses.dataclass(frozen=True)
class Choices:
    """Values to choose from, without order among them.

    Args:
        values: The choices, as GANConfig stores them.
    """

    values: tuple[Any, ...]

    def sample(self, rng: random.Random) -> Any:
        """Return one choice, all equally likely."""
        return rng.choice(self.values)

    def suggest(self, trial: "BaseTrial", name: str) -> Any:
        """Return the trial's choice; the same one when asked again."""
        labels = [self.encode(value) for value in self.values]
        return self.values[labels.index(trial.suggest_categorical(name, labels))]

    def encode(self, value: Any) -> Any:
        """Return how Optuna's storage names a choice: itself, or JSON if it is a list."""
        return json.dumps(value) if isinstance(value, tuple) else value

    def distribution(self) -> "BaseDistribution | None":
        """Return Optuna's form of the choices."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.encode(value) for value in self.values])

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None if it is a choice."""
        offered = ", ".join(_show(choice) for choice in self.values)
        return None if value in self.values else f"must be one of {offered}"

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form."""
        return {"choices": [_plain(value) for value in self.values]}


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Args:
        low: The smallest value.
        high: The largest value.
        step: Distance between neighbouring values; None for every float, or every integer.
        log: Whether factors count rather than differences.
        integer: Whether only whole numbers are meant.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    integer: bool = False

    def sample(self, rng: random.Random) -> float:
        """Return one value, uniform on the range's scale."""
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            value = min(max(value, self.low), self.high)
            return round(value) if self.integer else value
        step = self.step or (1 if self.integer else None)
        if step is None:
            return rng.uniform(self.low, self.high)
        return self._on_grid(
            self.low + step * rng.randint(0, round((self.high - self.low) / step))
        )

    def suggest(self, trial: "BaseTrial", name: str) -> float:
        """Return the trial's value; the same one when asked again."""
        if self.integer:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return trial.suggest_int(name, low, high, step=step, log=self.log)
        value = trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)
        return self._on_grid(value)

    def encode(self, value: float) -> float:
        """Return how Optuna's storage names a value."""
        return int(value) if self.integer else float(value)

    def distribution(self) -> "BaseDistribution | None":
        """Return Optuna's form of the range."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            step = int(self.step or 1)
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=step)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None if it lies in the range and on its grid."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number from {self.low} to {self.high}"
        if self.integer and value != int(value):
            return f"must be a whole number from {self.low} to {self.high}"
        if not self.low <= value <= self.high:
            return f"must lie from {self.low} to {self.high}"
        if self.step is not None:
            steps = (value - self.low) / self.step
            if abs(steps - round(steps)) > _GRID_TOLERANCE:
                return f"must be {self.low} plus a multiple of {self.step}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form."""
        record: dict[str, Any] = {"low": self.low, "high": self.high}
        if self.step is not None:
            record["step"] = self.step
        if self.log:
            record["log"] = True
        return record | {"type": "int" if self.integer else "float"}

    def _on_grid(self, value: float) -> float:
        """Return 0.3 rather than 0.30000000000000004."""
        if self.integer or self.step is None:
            return int(value) if self.integer else value
        low, step = Decimal(str(self.low)), Decimal(str(self.step))
        return float(low + step * round((value - self.low) / self.step))


Domain = Fixed | Choices | Range


def nearest_high(low: float, high: float, step: float) -> float:
    """Return the largest value at most `high` that is `low` plus a multiple of `step`."""
    d_low, d_high, d_step = Decimal(str(low)), Decimal(str(high)), Decimal(str(step))
    value = (d_high - d_low) // d_step * d_step + d_low
    return int(value) if isinstance(low, int) and isinstance(step, int) else float(value)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(_plain(value))


@dataclasses.dataclass(frozen=True)
class Variant:
    """One of the forms of a parameter: what it can be under a condition.

    Args:
        name: Its name in Optuna: the field, followed by the condition if there are others.
        when: Accepted values by field; it applies when all of them match.
        domain: What the parameter can be then.
    """

    name: str
    when: Mapping[str, tuple[Any, ...]]
    domain: Domain

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether a configuration, by dotted path, meets the condition."""
        return all(values[field] in accepted for field, accepted in self.when.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form."""
        when = {field: list(accepted) for field, accepted in self.when.items()}
        return ({"when": when} if when else {}) | self.domain.to_dict()


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A field of GANConfig with its variants, of which at most one applies at a time.

    Args:
        field: The field.
        variants: Each with another condition; where none applies, GANConfig's default holds.
    """

    field: Field
    variants: tuple[Variant, ...]

    @property
    def name(self) -> str:
        """Return the field's dotted path."""
        return self.field.name

    @property
    def values(self) -> tuple[Any, ...] | None:
        """Return every value it can take, or None if one variant is a range."""
        found: list[Any] = []
        for variant in self.variants:
            domain = variant.domain
            if isinstance(domain, Range):
                return None
            found += domain.values if isinstance(domain, Choices) else (domain.value,)
        if all(variant.when for variant in self.variants):
            found.append(self.field.default)
        return tuple(dict.fromkeys(found))

    def applying(self, values: Mapping[str, Any]) -> Variant | None:
        """Return the variant that holds for a configuration, or None for the default."""
        return next((variant for variant in self.variants if variant.applies(values)), None)

    def suggest(self, trial: "BaseTrial", values: Mapping[str, Any]) -> Any:
        """Return the trial's value; the same one when asked again.

        Args:
            trial: The trial.
            values: The values of the parameters declared before, by field.
        """
        variant = self.applying(values)
        return variant.domain.suggest(trial, variant.name) if variant else self.field.default

    def to_dict(self) -> Any:
        """Return the YAML form."""
        forms = [variant.to_dict() for variant in self.variants]
        return forms[0] if len(forms) == 1 else forms
