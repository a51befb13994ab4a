"""Read the `parameters` of a search space: fields of GANConfig, each with its variants."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harness.core.errors import near_miss
from harness.core.validation import pydantic_faults
from harness.gan.config.references import plain_name
from harness.gan.config.renamed_keys import renamed_fault
from harness.space.domain_parsing import VariantForm, parse_domain
from harness.space.domains import Choices, Domain, Range
from harness.space.fields import FIELDS, Field, unknown_field


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

    def to_dict(self) -> Any:
        """Return the YAML form."""
        forms = [variant.to_dict() for variant in self.variants]
        return forms[0] if len(forms) == 1 else forms


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
    domain = parse_domain(field, parsed, where=where, faults=faults)
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
