"""Read the `parameters` of a search space, each variant checked against its field."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.core.errors import near_miss
from harness.core.validation import number_hint, pydantic_faults
from harness.gan.config.choices import plain_name
from harness.gan.config.renamed_keys import renamed_fault
from harness.space.fields import FIELDS, Field, unknown_field
from harness.space.parameters import (
    Choices,
    Domain,
    Fixed,
    Parameter,
    Range,
    Variant,
    nearest_high,
)


class VariantForm(BaseModel):
    """One variant as it stands in YAML; ranges, choices and values exclude each other."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    when: dict[str, Any] = {}
    value: Any = None
    choices: list[Any] | None = None
    low: Any = None
    high: Any = None
    step: Any = None
    log: bool = False
    type: Literal["int", "float"] | None = None


# What has been read so far; None for a parameter with faults of its own.
_Declared = dict[str, Parameter | None]


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
            declared[name] = _parse_parameter(FIELDS[name], forms, declared, faults=faults)
        else:
            faults.append(unknown_field(name))
    return tuple(parameter for parameter in declared.values() if parameter)


def _parse_parameter(
    field: Field, forms: Any, declared: _Declared, *, faults: list[str]
) -> Parameter | None:
    several = isinstance(forms, list)
    found: list[str] = []
    variants = []
    for index, form in enumerate(forms if several else [forms]):
        where = f"{field.name}[{index}]" if several else field.name
        variants.append(_parse_variant(field, form, declared, where=where, faults=found))
    if not variants:
        found.append(f"{field.name} needs at least one variant; received [].")
    faults.extend(found)
    sound = [variant for variant in variants if variant]
    complete = sound and len(sound) == len(variants) and not found
    return Parameter(field, _named(field.name, sound)) if complete else None


def _parse_variant(
    field: Field, form: Any, declared: _Declared, *, where: str, faults: list[str]
) -> Variant | None:
    if not isinstance(form, Mapping):
        faults.append(
            f"{where} must be a mapping; received {form!r}. "
            f"Use {{value: {form}}}, {{choices: [...]}} or {{low: ..., high: ...}}."
        )
        return None
    try:
        parsed = VariantForm.model_validate(form)
    except ValidationError as error:
        faults.extend(pydantic_faults(error, VariantForm, where=where))
        return None
    when = _parse_when(parsed.when, declared, where=f"{where}.when", faults=faults)
    domain = _parse_domain(field, parsed, where=where, faults=faults)
    return Variant(field.name, when, domain) if domain is not None else None


def _parse_when(
    record: Mapping[str, Any], declared: _Declared, *, where: str, faults: list[str]
) -> dict[str, tuple[Any, ...]]:
    when = {}
    for name, accepted in record.items():
        options = tuple(accepted) if isinstance(accepted, list) else (accepted,)
        when[name] = options
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
        faults.extend(
            f"{where}.{name} must be one of {known}; received {option!r}."
            for option in options
            if option not in parameter.values
        )
        if not options:
            faults.append(f"{where}.{name} must be at least one of {known}; received [].")
    return when


def _named(field: str, variants: list[Variant]) -> tuple[Variant, ...]:
    """Give variants names that a reader of Optuna's dashboard understands."""
    if len(variants) < 2:
        return tuple(variants)
    short = [_label(variant, with_fields=False) for variant in variants]
    unique = len(set(short)) == len(short)
    labels = short if unique else [_label(variant, with_fields=True) for variant in variants]
    return tuple(
        dataclasses.replace(variant, name=f"{field}[{label}]")
        for variant, label in zip(variants, labels, strict=True)
    )


def _label(variant: Variant, *, with_fields: bool) -> str:
    parts = []
    for field, accepted in variant.when.items():
        values = "|".join(plain_name(str(value)) for value in accepted)
        parts.append(f"{field}={values}" if with_fields else values)
    return ",".join(parts)


def _parse_domain(
    field: Field, form: VariantForm, *, where: str, faults: list[str]
) -> Domain | None:
    """Return what a parameter can be, or None after appending its faults."""
    given = form.model_fields_set - {"when"}
    if given == {"value"}:
        found = _parse_value(field, form.value, where=f"{where}.value", faults=faults)
        return Fixed(found[0]) if found else None
    if given == {"choices"}:
        return _parse_choices(field, form.choices or [], where=where, faults=faults)
    if "low" in given and not given & {"value", "choices"}:
        return _parse_range(field, form, where=where, faults=faults)
    received = ", ".join(sorted(given)) or "nothing"
    faults.append(
        f"{where} must have either value, or choices, or low and high (with step, log or type); "
        f"received {received}."
    )
    return None


def _parse_value(field: Field, value: Any, *, where: str, faults: list[str]) -> tuple[Any, ...]:
    try:
        return (field.parse(value),)
    except ValueError as error:
        faults.append(f"{where} {error}")
        return ()


def _parse_choices(
    field: Field, listed: list[Any], *, where: str, faults: list[str]
) -> Choices | None:
    if not listed:
        faults.append(f"{where}.choices must offer at least one value; received [].")
        return None
    values: list[Any] = []
    for index, item in enumerate(listed):
        values += _parse_value(field, item, where=f"{where}.choices[{index}]", faults=faults)
    if len(set(values)) < len(values):
        faults.append(f"{where}.choices must differ from each other; received {listed}.")
    return Choices(tuple(values)) if len(values) == len(listed) else None


def _parse_range(
    field: Field, form: VariantForm, *, where: str, faults: list[str]
) -> Range | None:
    if field.kind == "other":
        faults.append(f"{where} is no number, so it has no range. Use choices: [...].")
        return None
    if field.kind == "int" and form.type == "float":
        faults.append(f"{where}.type must be int, as the field is; received float. Leave it out.")
        return None
    integer = field.kind == "int" or form.type == "int"
    ends: list[float] = []
    for key in ("low", "high"):
        ends += _parse_end(field, form, where=f"{where}.{key}", faults=faults)
    step_is_sound = _check_step(form, integer, where=where, faults=faults)
    if len(ends) < 2 or not step_is_sound:
        return None
    number = int if integer else float
    step = None if form.step is None else number(form.step)
    domain = Range(number(ends[0]), number(ends[1]), step, form.log, integer)
    fault = _range_fault(domain)
    if fault:
        faults.append(f"{where}.{fault}")
        return None
    return domain


def _parse_end(
    field: Field, form: VariantForm, *, where: str, faults: list[str]
) -> tuple[Any, ...]:
    key = where.rpartition(".")[2]
    value = getattr(form, key)
    if key not in form.model_fields_set:
        faults.append(f"{where} is missing. Add it, or use value: {form.low}.")
    elif form.log and _is_number(value) and value <= 0:
        smallest = "1" if field.kind == "int" or form.type == "int" else "1.0e-5"
        faults.append(
            f"{where} must be > 0 when log is true; received {value}. "
            f"Use {key}: {smallest} or log: false."
        )
    elif form.type == "int" and (not isinstance(value, int) or isinstance(value, bool)):
        faults.append(f"{where} must be a whole number for type int; received {value!r}.")
    else:
        return _parse_value(field, value, where=where, faults=faults)
    return ()


def _check_step(form: VariantForm, integer: bool, *, where: str, faults: list[str]) -> bool:
    step = form.step
    if step is None:
        return True
    if form.log:
        faults.append(f"{where}.step cannot go with log: true. Remove one of them.")
    elif not _is_number(step) or (integer and not isinstance(step, int)):
        wanted = "a whole number" if integer else "a number"
        faults.append(f"{where}.step must be {wanted}; received {step!r}.{number_hint(step)}")
    elif not 0 < step < float("inf"):
        faults.append(f"{where}.step must be > 0 and finite; received {step}.")
    else:
        return True
    return False


def _range_fault(domain: Range) -> str | None:
    low, high, step = domain.low, domain.high, domain.step
    if low > high:
        return f"low must be <= high; received low {low} and high {high}. Swap them."
    # Optuna would lower `high` silently.
    if step is not None and (nearest := nearest_high(low, high, step)) != high:
        return (
            f"high must be low plus a multiple of step {step}; received {high}. "
            f"Use high: {nearest}."
        )
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
