"""The parameters of a search space: fields of GANConfig, and what each can be."""

import dataclasses
import functools
import json
import math
import random
from collections.abc import Hashable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from harness.core.validation import yaml_hint
from harness.space.fields import Field

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

# Optuna compares stepped floats with this tolerance too.
_GRID_TOLERANCE = 1e-8

KEYS = ("when", "value", "choices", "low", "high", "step", "log", "type")
"""Keys of a variant in YAML."""


class Conditional(pydantic.BaseModel):
    """A variant without what it offers: its name and the condition under which it applies.

    Validated with a `Field` as the context, a variant's values become those that GANConfig stores.

    Args:
        name: Its name in Optuna: the field, followed by the condition if there are others.
        when: Accepted values by field; it applies when all of them match.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = ""
    when: dict[str, tuple[Any, ...]] = {}

    def encode(self, value: Any) -> Any:
        """Return how Optuna's storage names a value: itself, or JSON if it is a list."""
        return json.dumps(value) if isinstance(value, tuple) else value

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form."""
        record = self.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
        return {key: record[key] for key in KEYS if key in record}


def _parse(value: Any, info: pydantic.ValidationInfo) -> Any:
    return value if info.context is None else info.context.parse(value)


Value = Annotated[Any, pydantic.AfterValidator(_parse)]


class Fixed(Conditional):
    """One value that no trial changes; Optuna never sees it.

    Args:
        value: The value, as GANConfig stores it.
    """

    value: Value

    @property
    def options(self) -> tuple[Any, ...]:
        """Return the value."""
        return (self.value,)

    def sample(self, rng: random.Random) -> Any:
        """Return the value."""
        return self.value

    def suggest(self, trial: "BaseTrial") -> Any:
        """Return the value; the trial records nothing."""
        return self.value

    def distribution(self) -> None:
        """Return None: there is nothing to search."""

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None if it is the fixed one."""
        return None if value == self.value else f"is fixed to {_show(self.value)}"


class Choices(Conditional):
    """Values to choose from, without order among them.

    Args:
        choices: The values, as GANConfig stores them.
    """

    choices: Annotated[tuple[Value, ...], pydantic.Field(strict=False)]

    @pydantic.field_validator("choices")
    @classmethod
    def _check_choices(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        if not choices:
            raise ValueError("must offer at least one value; received []")
        if len(set(choices)) < len(choices):
            raise ValueError(f"must differ from each other; received {_plain(choices)}")
        return choices

    @property
    def options(self) -> tuple[Any, ...]:
        """Return the choices."""
        return self.choices

    def sample(self, rng: random.Random) -> Any:
        """Return one choice, all equally likely."""
        return rng.choice(self.choices)

    def suggest(self, trial: "BaseTrial") -> Any:
        """Return the trial's choice; the same one when asked again."""
        labels = [self.encode(value) for value in self.choices]
        return self.choices[labels.index(trial.suggest_categorical(self.name, labels))]

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's form of the choices."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.encode(value) for value in self.choices])

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None if it is a choice."""
        offered = ", ".join(_show(choice) for choice in self.choices)
        return None if value in self.choices else f"must be one of {offered}"


class Range(Conditional):
    """Numbers from `low` to `high`, both included.

    Args:
        log: Whether factors count rather than differences.
        type: Whether only whole numbers are meant.
        low: The smallest value.
        high: The largest value.
        step: Distance between neighboring values; None for every float, or every integer.
    """

    # Each is checked with those before it.
    log: bool = False
    type: Annotated[Literal["int", "float"] | None, pydantic.Field(validate_default=True)] = None
    low: Any
    high: Any
    step: Any = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _check_field(cls, form: Any, info: pydantic.ValidationInfo) -> Any:
        if info.context is not None and info.context.kind == "other":
            raise ValueError("is no number, so it has no range. Use choices: [...]")
        return form

    @pydantic.field_validator("type")
    @classmethod
    def _check_type(cls, given: str | None, info: pydantic.ValidationInfo) -> str:
        kind = "float" if info.context is None else info.context.kind
        if kind == "int" and given == "float":
            raise ValueError("must be int, as the field is; received float. Leave it out")
        return given or str(kind)

    @pydantic.field_validator("low", "high")
    @classmethod
    def _check_end(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        integer = info.data.get("type") == "int"
        if info.data.get("log") and _is_number(value) and value <= 0:
            smallest = "1" if integer else "1.0e-5"
            raise ValueError(
                f"must be > 0 when log is true; received {value}. "
                f"Use {info.field_name}: {smallest} or log: false"
            )
        number = _parse(value, info)
        if integer and number != int(number):
            raise ValueError(f"must be a whole number for type int; received {value!r}")
        low = info.data.get("low", number)
        if number < low:
            raise ValueError(f"must be >= low; received low {low} and high {value}. Swap them")
        return int(number) if integer else float(number)

    @pydantic.field_validator("step")
    @classmethod
    def _check_step(cls, step: Any, info: pydantic.ValidationInfo) -> Any:
        integer = info.data.get("type") == "int"
        if step is None:
            return None
        if info.data.get("log"):
            raise ValueError("cannot go with log: true. Remove one of them")
        if not _is_number(step) or (integer and not isinstance(step, int)):
            wanted = "a whole number" if integer else "a number"
            raise ValueError(f"must be {wanted}; received {step!r}.{yaml_hint(step, wanted)}")
        if not 0 < step < math.inf:
            raise ValueError(f"must be > 0 and finite; received {step}")
        low, high = info.data.get("low"), info.data.get("high")
        if low is not None and high is not None:
            count = (Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step))
            # Optuna would lower `high` silently.
            if (nearest := _on_grid(low, step, int(count))) != high:
                raise ValueError(
                    f"must lead from low to high; received {step} for {low} to {high}. "
                    f"Use high: {nearest}"
                )
        return step if integer else float(step)

    @property
    def options(self) -> tuple[Any, ...]:
        """Return both ends."""
        return (self.low, self.high)

    def sample(self, rng: random.Random) -> float:
        """Return one value, uniform on the range's scale."""
        if self.log:
            value: float = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            value = min(max(value, self.low), self.high)
            return round(value) if self.type == "int" else value
        step = self._bounds()["step"]
        if step is None:
            return rng.uniform(self.low, self.high)
        return _on_grid(self.low, step, rng.randint(0, round((self.high - self.low) / step)))

    def suggest(self, trial: "BaseTrial") -> int | float:
        """Return the trial's value; the same one when asked again."""
        if self.type == "int":
            return trial.suggest_int(self.name, **self._bounds())
        value = trial.suggest_float(self.name, **self._bounds())
        if self.step is None:
            return value
        return _on_grid(self.low, self.step, round((value - self.low) / self.step))

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's form of the range."""
        from optuna.distributions import FloatDistribution, IntDistribution

        kind = IntDistribution if self.type == "int" else FloatDistribution
        return kind(**self._bounds())

    def _bounds(self) -> dict[str, Any]:
        step = self.step or (1 if self.type == "int" else None)
        return {"low": self.low, "high": self.high, "step": step, "log": self.log}

    def encode(self, value: float) -> float:
        """Return how Optuna's storage names a value."""
        return int(value) if self.type == "int" else float(value)

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None if it lies in the range and on its grid."""
        if not _is_number(value):
            return f"must be a number from {self.low} to {self.high}"
        if self.type == "int" and value != int(value):
            return f"must be a whole number from {self.low} to {self.high}"
        if not self.low <= value <= self.high:
            return f"must lie from {self.low} to {self.high}"
        if self.step is not None:
            steps = (value - self.low) / self.step
            if abs(steps - round(steps)) > _GRID_TOLERANCE:
                return f"must be {self.low} plus a multiple of {self.step}"
        return None


Variant = Fixed | Choices | Range
"""One of the forms of a parameter: what it can be under a condition."""


def _on_grid(low: float, step: float, count: int) -> float:
    """Return `low` plus some steps: 0.3 rather than 0.30000000000000004."""
    value = Decimal(str(low)) + Decimal(str(step)) * count
    return int(value) if isinstance(low, int) and isinstance(step, int) else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(_plain(value))


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
        if any(isinstance(variant, Range) for variant in self.variants):
            return None
        found = [value for variant in self.variants for value in variant.options]
        if all(variant.when for variant in self.variants):
            found.append(self.field.default)
        return tuple(dict.fromkeys(found))

    @property
    def conditions(self) -> set[str]:
        """Return the fields that decide which variant applies."""
        return {field for variant in self.variants for field in variant.when}

    def applying(self, values: Mapping[str, Any]) -> Variant:
        """Return the variant that holds for a configuration; GANConfig's default if none does."""
        index = next(self.fitting(values), None)
        return self._default if index is None else self.variants[index]

    def fitting(self, values: Mapping[str, Any]) -> Iterator[int]:
        """Yield which variants apply to a configuration, by dotted path.

        All at once, by a bit each: a file may hold thousands of conditions.
        """
        left = (1 << len(self.variants)) - 1
        for field, (anyhow, accepting) in self._bits.items():
            value = values[field]
            left &= anyhow | (accepting.get(value, 0) if isinstance(value, Hashable) else 0)
        while left:
            index = (left & -left).bit_length() - 1
            yield index
            left &= left - 1

    @functools.cached_property
    def _bits(self) -> dict[str, tuple[int, dict[Any, int]]]:
        """By field: the variants that do not ask for it, and those that accept each value."""
        bits = {field: (0, dict[Any, int]()) for field in self.conditions}
        for field, (anyhow, accepting) in bits.items():
            for index, variant in enumerate(self.variants):
                if field not in variant.when:
                    anyhow |= 1 << index
                for value in variant.when.get(field, ()):
                    accepting[value] = accepting.get(value, 0) | 1 << index
            bits[field] = anyhow, accepting
        return bits

    @functools.cached_property
    def _default(self) -> Fixed:
        return Fixed(value=self.field.default)

    def to_dict(self) -> Any:
        """Return the YAML form."""
        forms = [variant.to_dict() for variant in self.variants]
        return forms[0] if len(forms) == 1 else forms
