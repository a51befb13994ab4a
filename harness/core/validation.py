"""Collect all faults of a file, so that one message names them together."""

import typing
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
        path, kind = _place(model, detail["loc"], where=where)
        if detail["type"] == "extra_forbidden":
            parent, kind = _place(model, detail["loc"][:-1], where=where)
            faults.append(unknown_key(parent, str(detail["loc"][-1]), _fields_of(kind)))
        elif detail["type"] == "missing":
            faults.append(f"{path} is missing. Add it.")
        elif detail["type"] == "model_type":
            keys = ", ".join(_fields_of(kind))
            faults.append(
                f"{path} must be a mapping with the keys {keys}; received {detail['input']!r}."
            )
        elif detail["type"] == "union_tag_invalid":
            faults.append(f"{path}.{fault_of(detail)}")
        else:
            faults.append(" ".join(filter(None, [path, fault_of(detail)])))
    return faults


def _place(
    model: type[pydantic.BaseModel], location: Iterable[int | str], *, where: str
) -> tuple[str, Any]:
    """Return the path of a location as it stands in YAML, and the model that belongs there."""
    path, kind = where, typing.cast(Any, model)
    parts = iter(location)
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, part)
        field = _fields_of(kind).get(part)
        kind = field.annotation if field else None
        if field and field.discriminator:  # the name of the chosen model follows, no key
            name = next(parts, None)
            kinds = [each for each in typing.get_args(kind) if _fields_of(each)]
            kind = next(
                (each for each in kinds if each.model_fields["name"].default == name), None
            )
    return path, kind


def _fields_of(kind: Any) -> dict[Any, Any]:
    return getattr(kind, "model_fields", {})


def fault_of(detail: Any) -> str:
    """Return what pydantic rejects about one value and the value itself, as one sentence."""
    received = detail["input"]
    if detail["type"] == "union_tag_invalid":
        known = [each.strip("' ") for each in detail["ctx"]["expected_tags"].split(",")]
        tag = detail["ctx"]["tag"]
        suggestion = near_miss(tag, known)
        return f"name must be one of {', '.join(known)}; received {tag!r}.{suggestion}"
    if detail["type"] in ("union_tag_not_found", "model_attributes_type"):
        remedy = f" Use {{name: {received}}}." if isinstance(received, str) else ""
        return f"must be a mapping with a name; received {received!r}.{remedy}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "must be", 1)
    message = message.replace("valid tuple", "valid list")  # YAML has no tuples
    if message[:1].isupper():
        message = message[0].lower() + message[1:]
    if detail["type"] == "value_error":  # our own validators say all there is to say
        return message if message.endswith((".", "?")) else f"{message}."
    return f"{message}; received {received!r}.{number_hint(received)}"


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
