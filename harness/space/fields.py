"""Find the fields of GANConfig that a search space may name, by their dotted paths."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pydantic

from harness.core.errors import near_miss
from harness.core.validation import fault_of
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_fault

Kind = Literal["int", "float", "other"]


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of GANConfig that can be searched or fixed.

    Args:
        name: Its dotted path, e.g. `generator.width`.
        kind: `int` and `float` can be searched as ranges; `other` by choices only.
        default: Its value where a configuration does not give one.
        adapter: The field's own validation.
    """

    name: str
    kind: Kind
    default: Any
    adapter: pydantic.TypeAdapter[Any]

    def parse(self, value: Any) -> Any:
        """Return the value as GANConfig would store it.

        Strict: `true` is no 1, and 24.0 no number of channels.

        Raises:
            ValueError: If GANConfig would reject it; says what it must be and what was received.
        """
        try:
            parsed = self.adapter.validate_python(_as_tuples(value), strict=True)
        except pydantic.ValidationError as error:
            raise ValueError(fault_of(error.errors()[0] | {"input": value})) from error
        if isinstance(parsed, float) and not math.isfinite(parsed):
            raise ValueError(f"must be finite; received {value!r}.")
        return parsed


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


def _fields(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[Field]:
    kinds: dict[Any, Kind] = {int: "int", float: "float"}
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            annotated: Any = Annotated[kind, info]
            adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotated)
            yield Field(f"{prefix}{name}", kinds.get(kind, "other"), info.default, adapter)


# A trial's seed is derived from the study's seed and the trial's number: it is not searched.
FIELDS: dict[str, Field] = {
    field.name: field for field in _fields(GANConfig) if field.name != "seed"
}


def unknown_field(name: str) -> str:
    """Return the fault of a name that is no searchable field of GANConfig."""
    if name == "seed":
        return "seed is derived from the study's seed and the trial's number. Remove it."
    renamed = renamed_fault(name)
    return renamed or f"{name} is not a field of GANConfig.{near_miss(name, FIELDS)}"
