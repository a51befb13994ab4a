"""Read the `parameters` of a search space, each variant checked against its field."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from harness.core.errors import near_miss
from harness.core.validation import pydantic_faults, unknown_key
from harness.gan.config.choices import plain_name
from harness.gan.config.renamed_keys import renamed_fault
from harness.space.fields import FIELDS, Field, unknown_field
from harness.space.parameters import KEYS, Choices, Fixed, Parameter, Range, Variant

# What has been read so far; None for a parameter with faults of its own.
_Declared = dict[str, Parameter | None]
_Conditions = dict[str, tuple[Any, ...]]


def parse_parameters(record: Any, faults: list[str]) -> tuple[Parameter, ...]:
    """Return the parameters of a search space, in the order declared; faults are appended."""
    if not isinstance(record, Mapping) or not record:
        faults.append(
            f"parameters must map fields of GANConfig to ranges or choices; received {record!r}. "
            f"Use generator.width: {{choices: [16, 32]}}."
        )
        return ()
    declared: _Declared = {}
    for name, forms in record.items():
        if name in FIELDS:
            found: list[str] = []
            parameter = _parse_parameter(FIELDS[name], forms, declared, faults=found)
            declared[name] = None if found else parameter
            faults.extend(found)
        else:
            faults.append(unknown_field(name))
    return tuple(parameter for parameter in declared.values() if parameter)


def _parse_parameter(
    field: Field, forms: Any, declared: _Declared, *, faults: list[str]
) -> Parameter:
    several = isinstance(forms, list)
    listed = forms if several else [forms]
    if listed and several and not any(isinstance(form, Mapping) for form in listed):
        faults.append(
            f"{field.name} must be a mapping; received {forms!r}. "
            f"Use {{choices: {json.dumps(forms)}}}."
        )
        return Parameter(field, ())
    if not listed:
        faults.append(f"{field.name} needs at least one variant; received [].")
    conditions = [_conditions(form) for form in listed]
    names = _names(field.name, conditions)
    variants = []
    for index, (form, when, name) in enumerate(zip(listed, conditions, names, strict=True)):
        where = f"{field.name}[{index}]" if several else field.name
        faults.extend(_condition_faults(when, declared, where=f"{where}.when"))
        kind = _kind(form, where=where, faults=faults)
        if kind is None:
            continue
        parsed = {"name": name, **form} | ({"when": when} if when else {})
        try:
            variants.append(kind.model_validate(parsed, context=field))
        except ValidationError as error:
            faults.extend(pydantic_faults(error, kind, where=where))
    return Parameter(field, tuple(variants))


def _conditions(form: Any) -> _Conditions:
    when = form.get("when") if isinstance(form, Mapping) else None
    if not isinstance(when, Mapping):
        return {}
    return {name: tuple(one) if isinstance(one, list) else (one,) for name, one in when.items()}


def _condition_faults(when: _Conditions, declared: _Declared, *, where: str) -> list[str]:
    faults = []
    for name, options in when.items():
        if name not in declared:
            faults.append(
                renamed_fault(name)
                or f"{where} names {name}, which no parameter above declares."
                f"{near_miss(name, declared)} Declare it first, with choices or a value."
            )
            continue
        parameter = declared[name]
        if parameter is None:
            continue  # its own faults come first
        if parameter.values is None:
            faults.append(f"{where} names {name}, which is a range. Conditions need choices.")
            continue
        known = ", ".join(str(value) for value in parameter.values)
        faults += [
            f"{where}.{name} must be one of {known}; received {option!r}."
            for option in options
            if option not in parameter.values
        ]
        if not options:
            faults.append(f"{where}.{name} must be at least one of {known}; received [].")
    return faults


def _names(field: str, conditions: Sequence[_Conditions]) -> list[str]:
    """Return names for variants that a reader of Optuna's dashboard understands."""
    if len(conditions) < 2:
        return [field] * len(conditions)
    short = [_label(when, with_fields=False) for when in conditions]
    if len(set(short)) < len(short):
        short = [_label(when, with_fields=True) for when in conditions]
    return [f"{field}[{label}]" for label in short]


def _label(when: _Conditions, *, with_fields: bool) -> str:
    parts = []
    for field, accepted in when.items():
        values = "|".join(plain_name(str(value)) for value in accepted)
        parts.append(f"{field}={values}" if with_fields else values)
    return ",".join(parts)


def _kind(form: Any, *, where: str, faults: list[str]) -> type[Variant] | None:
    """Return what a variant is by its keys, or None after appending what is wrong with them."""
    if not isinstance(form, Mapping):
        faults.append(
            f"{where} must be a mapping; received {form!r}. "
            f"Use {{value: {json.dumps(form)}}}, {{choices: [...]}} or {{low: ..., high: ...}}."
        )
        return None
    unknown = [unknown_key(where, key, KEYS) for key in form if key not in KEYS]
    given = form.keys() - {"when"}
    if unknown:
        faults += unknown
    elif given == {"value"}:
        return Fixed
    elif given == {"choices"}:
        return Choices
    elif "low" not in given or given & {"value", "choices"}:
        faults.append(
            f"{where} must have either value, or choices, or low and high (with step, log or "
            f"type); received {', '.join(sorted(given)) or 'nothing'}."
        )
    elif "high" not in given:
        faults.append(f"{where}.high is missing. Add it, or use value: {form['low']}.")
    else:
        return Range
    return None
