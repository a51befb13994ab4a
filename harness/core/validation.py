"""Collect all faults of a file, so that one message names them together."""

from collections.abc import Iterable, Sequence
from typing import Any

import pydantic

from harness.core.errors import ConfigError, near_miss


def raise_faults(source: str, faults: Sequence[str]) -> None:
    """Raise one error that lists every fault; return when there is none.

    Raises:
        ConfigError: If there is a fault.
    """
    if faults:
        raise fault_error(source, faults)


def fault_error(source: str, faults: Sequence[str]) -> ConfigError:
    """Return one error that lists every fault; there is at least one."""
    if len(faults) == 1:
        return ConfigError(f"{source}: {faults[0]}")
    lines = "".join(f"\n  - {fault}" for fault in faults)
    return ConfigError(f"{source} has {len(faults)} faults:{lines}")


def unknown_key(where: str, key: str, known: Iterable[str]) -> str:
    """Return the fault of a key that nothing reads, with the nearest one that something does."""
    names = list(known)
    suggestion = near_miss(key, names) or f" Known: {', '.join(names)}."
    return f"{_join(where, key)} is not a known key.{suggestion}"


def pydantic_faults(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], *, where: str
) -> list[str]:
    """Return one fault a line for everything pydantic rejects in a model at `where`."""
    faults = []
    for detail in error.errors():
        location = [str(part) for part in detail["loc"]]
        if detail["type"] == "extra_forbidden":
            path = ".".join(filter(None, [where, *location[:-1]]))
            faults.append(unknown_key(path, location[-1], _fields_at(model, location[:-1])))
        elif detail["type"] == "missing":
            faults.append(f"{_join(where, '.'.join(location))} is missing. Add it.")
        else:
            path = _join(where, ".".join(location))
            faults.append(" ".join(filter(None, [path, fault_of(detail)])))
    return faults


def _fields_at(model: type[pydantic.BaseModel], path: Sequence[str]) -> Iterable[str]:
    """Return the fields of the model nested at a path."""
    kind: Any = model
    for part in path:
        field = getattr(kind, "model_fields", {}).get(part)
        kind = field.annotation if field else None
    return getattr(kind, "model_fields", ())


def fault_of(detail: Any) -> str:
    """Return what pydantic rejects about one value and the value itself, as one sentence."""
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "must be", 1)
    if message[:1].isupper():
        message = message[0].lower() + message[1:]
    if detail["type"] == "value_error":  # our own validators say all there is to say
        return message if message.endswith((".", "?")) else f"{message}."
    return f"{message}; received {detail['input']!r}.{number_hint(detail['input'])}"


def number_hint(value: Any) -> str:
    """Return a hint when text looks like a number: YAML 1.1 reads `1e-4` as text."""
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    mantissa, _, exponent = repr(number).partition("e")
    written = f"{float(mantissa)}e{int(exponent):+d}" if exponent else repr(number)
    return f" YAML reads it as text; write {written}."


def _join(where: str, key: str) -> str:
    return ".".join(filter(None, [where, key]))
