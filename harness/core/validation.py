"""Collect all faults of a file, so that one message names them together."""

import difflib
import math
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import pydantic

from harness.core.errors import ConfigError, near_miss

_ELSEWHERE = {
    "values": "choices",
    "categories": "choices",
    "options": "choices",
    "suggest_categorical": "choices",
    "constant": "value",
    "min": "low",
    "lower": "low",
    "max": "high",
    "upper": "high",
    "q": "step",
    "distribution": "log: true for a logarithmic scale, and nothing for any other",
    "scale": "log: true for a logarithmic scale, and nothing for any other",
    "suggest_float": "low and high",
    "suggest_int": "low and high",
    "suggest_uniform": "low and high",
    "suggest_discrete_uniform": "low and high, with step",
    "suggest_loguniform": "low and high, with log: true",
    "method": "sampler: {name: tpe}, or random, or another",
    "early_terminate": "pruner: {name: hyperband}, or another",
    "metric": "protocol: {metric: fid}, or kid",
    "direction": "protocol: {metric: fid}, which is always minimized",
    "study_name": "name",
}
"""The words of W&B and Optuna for keys here."""

_OTHER_NAMES = {"bayes": "tpe", "bayesian": "tpe", "asha": "successive_halving"}
_ON, _OFF = ("true", "yes", "y", "on", "1", "1.0"), ("false", "no", "n", "off", "0", "0.0")
_NONE = ("none", "null", "nil", "~", "no", "off", "false")


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
    word = _ELSEWHERE.get(key, "")
    here = f" Here it is {word}." if re.split(r"\W", word)[0] in names else ""
    suggestion = here or near_miss(key, names) or f" Known: {', '.join(names)}."
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
            expected = f"must be a mapping with the keys {keys}"
            remedy = yaml_hint(detail["input"], expected)
            if detail["input"] is True and not any(
                each.is_required() for each in _fields_of(kind).values()
            ):
                remedy = " Write {}."
            faults.append(f"{path} {expected}; received {detail['input']!r}.{remedy}")
        elif detail["type"] == "union_tag_invalid":
            faults.append(f"{path}.{fault_of(detail)}")
        elif detail["type"] in ("union_tag_not_found", "model_attributes_type"):
            known = _tags(model, detail["loc"])
            word = _named_by(detail["input"])
            near = difflib.get_close_matches(word, known, n=1)
            remedy = f" Use {{name: {(near or known)[0]}}}." if known else ""
            faults.append(f"{path} {fault_of(detail)}{remedy}")
        else:
            fault = " ".join(filter(None, [path, fault_of(detail)]))
            if where and _is_needed(model, detail["loc"]):  # all of it can be left out, no part
                fault = re.sub("Leave it out[.]$", f"Leave {where} out.", fault)
            faults.append(fault)
    return faults


def _is_needed(model: type[pydantic.BaseModel], location: Sequence[int | str]) -> bool:
    _, parent = _place(model, location[:-1], where="")
    fields = _fields_of(parent)
    return any(name in fields and fields[name].is_required() for name in location[-1:])


def _named_by(received: Any) -> str:
    """Return the name that somebody meant who gave no mapping with a name."""
    if isinstance(received, dict) and isinstance(received.get("type"), str):
        received = received["type"]
    word = str(received).lower().removesuffix("pruner").removesuffix("sampler")
    return "none" if _means_none(received) else _OTHER_NAMES.get(word, word)


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


def _tags(model: type[pydantic.BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the names of the models of which one belongs at a location; none where it is one."""
    _, parent = _place(model, location[:-1], where="")
    field = _fields_of(parent).get(location[-1])
    kinds = typing.get_args(field.annotation) if field else ()
    return [each.model_fields["name"].default for each in kinds if "name" in _fields_of(each)]


def _fields_of(kind: Any) -> dict[Any, Any]:
    kinds = [kind, *typing.get_args(kind)]  # of one that may be left out, the one that it is
    models = [each for each in kinds if hasattr(each, "model_fields")]
    return models[0].model_fields if len(models) == 1 else {}


def fault_of(detail: Any) -> str:
    """Return what pydantic rejects about one value and the value itself, as one sentence."""
    received = detail["input"]
    if detail["type"] == "union_tag_invalid":
        known = [each.strip("' ") for each in detail["ctx"]["expected_tags"].split(",")]
        tag = detail["ctx"]["tag"]
        written = " Write none." if _means_none(tag) and "none" in known else ""
        suggestion = written or near_miss(_named_by(tag), known)
        return f"name must be one of {', '.join(known)}; received {tag!r}.{suggestion}"
    if detail["type"] in ("union_tag_not_found", "model_attributes_type"):
        return f"must be a mapping with a name; received {received!r}."
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "must be", 1)
    message = message.replace("valid tuple", "valid list")  # YAML has no tuples
    if message[:1].isupper():
        message = message[0].lower() + message[1:]
    if detail["type"] == "value_error":  # our own validators say all there is to say
        return message if message.endswith((".", "?")) else f"{message}."
    hint = yaml_hint(received, message)
    if detail["type"] == "literal_error" and not hint:
        near = near_miss(str(received).lower(), re.findall("'([^']*)'", message))
        hint = near.replace(" Did you mean '", " Write ").replace("'?", ".")
    return f"{message}; received {received!r}.{hint}"


def yaml_hint(value: Any, expected: str) -> str:
    """Return what to write where YAML has read something else than was meant, or nothing.

    Args:
        value: What YAML has read.
        expected: What is expected, in words.
    """
    word = str(value).strip().lower()
    if "boolean" in expected and word in (*_ON, *_OFF):
        return f" Write {'true' if word in _ON else 'false'}."
    if _means_none(value):
        return " Write none." if "'none'" in expected else " Leave it out."
    try:
        number = float(_plain_digits(value))
    except ValueError:
        if not re.fullmatch("[-+]?0[xob][0-9a-f_]+", word):
            return ""
        number = float(int(word, 0))
    whole = re.search("integer|whole number", expected)
    if not math.isfinite(number) or not (whole or "number" in expected):
        return ""
    if number.is_integer() and (whole or "." not in str(value)):
        return f" Write {int(number)}."
    if whole:
        return ""
    mantissa, _, exponent = repr(number).partition("e")
    written = f"{float(mantissa)}e{int(exponent):+d}" if exponent else repr(number)
    return f" Write {written}."


def _means_none(value: Any) -> bool:
    return value is None or value is False or str(value).strip().lower() in _NONE


def _plain_digits(value: Any) -> str:
    """Return a number's text without the commas between thousands, or with a decimal point."""
    text = str(value)
    thousands = re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text)
    return text.replace(",", "" if thousands else ".")


def _join(where: str, key: str) -> str:
    return ".".join(filter(None, [where, key]))
