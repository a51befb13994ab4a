"""Turn the `parameters` of a search space into variants that are checked against GANConfig."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.search.domains import Choices, Domain, Fixed, Range, nearest_high
from harness.search.faults import number_hint, pydantic_faults
from harness.search.fields import FIELDS, Field, unknown_field


class VariantForm(BaseModel):
    """Mirror one variant as it stands in YAML; ranges, choices and values exclude each other."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    when: dict[str, Any] = {}
    value: Any = None
    choices: list[Any] | None = None
    low: Any = None
    high: Any = None
    step: Any = None
    log: bool = False
    type: Literal["int", "float"] | None = None


@dataclasses.dataclass(frozen=True)
class Variant:
    """Say what a parameter can be under a condition.

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
    """Bind a field of GANConfig to its variants, of which at most one applies at a time.

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
            if isinstance(variant.domain, Range):
                return None
            domain = variant.domain
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


def parse_parameters(record: Any, faults: list[str]) -> tuple[Parameter, ...]:
    """Return the parameters of a search space, in the order declared; faults are appended."""
    if not isinstance(record, Mapping) or not record:
        faults.append(
            f"parameters must map fields of GANConfig to ranges or choices; received {record!r}. "
            f"Use generator.width: {{choices: [16, 32]}}."
        )
        return ()
    declared: dict[str, Parameter] = {}
    for name, forms in record.items():
        if name not in FIELDS:
            faults.append(unknown_field(name))
            continue
        parameter = _parse_parameter(FIELDS[name], forms, declared, faults)
        if parameter is not None:
            declared[name] = parameter
    return tuple(declared.values())


def _parse_parameter(
    field: Field, forms: Any, declared: Mapping[str, Parameter], faults: list[str]
) -> Parameter | None:
    several = isinstance(forms, list)
    variants = []
    for index, form in enumerate(forms if several else [forms]):
        where = f"{field.name}[{index}]" if several else field.name
        found: list[str] = []
        variant = _parse_variant(field, form, where, declared, found)
        faults.extend(found)
        if variant is not None and not found:
            variants.append(variant)
    if several and not forms:
        faults.append(f"{field.name} needs at least one variant; received [].")
    return Parameter(field, _named(field.name, variants)) if variants else None


def _parse_variant(
    field: Field, form: Any, where: str, declared: Mapping[str, Parameter], faults: list[str]
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
        faults.extend(pydantic_faults(error, VariantForm, where))
        return None
    when = _parse_when(parsed.when, f"{where}.when", declared, faults)
    domain = _parse_domain(field, parsed, where, faults)
    return Variant(field.name, when, domain) if domain is not None else None


def _parse_when(
    record: Mapping[str, Any], where: str, declared: Mapping[str, Parameter], faults: list[str]
) -> dict[str, tuple[Any, ...]]:
    when = {}
    for name, accepted in record.items():
        if name not in FIELDS:
            faults.append(f"{where}: {unknown_field(name)}")
        elif name not in declared:
            faults.append(
                f"{where} names {name}, which no sound parameter above it declares. "
                f"Declare {name} first, with choices or a value."
            )
        elif (offered := declared[name].values) is None:
            faults.append(f"{where} names {name}, which is a range. Conditions need choices.")
        else:
            options = accepted if isinstance(accepted, list) else [accepted]
            when[name] = tuple(options)
            for option in options:
                if option not in offered:
                    known = ", ".join(str(value) for value in offered)
                    faults.append(f"{where}.{name} must be one of {known}; received {option!r}.")
            if not options:
                faults.append(f"{where}.{name} must name a value; received [].")
    return when


def _parse_domain(field: Field, form: VariantForm, where: str, faults: list[str]) -> Domain | None:
    given = form.model_fields_set
    forms: list[str] = [key for key in ("value", "choices", "low") if key in given]
    if "high" in given and "low" not in given:
        forms.append("high")
    stray = given & {"high", "step", "log", "type"}
    if len(forms) != 1 or (forms[0] in ("value", "choices") and stray) or forms == ["high"]:
        received = ", ".join(sorted(given - {"when"})) or "nothing"
        faults.append(
            f"{where} must have either value, or choices, or low and high (with step, log or "
            f"type); received {received}."
        )
        return None
    if forms == ["value"]:
        found = _parse_value(field, form.value, f"{where}.value", faults)
        return Fixed(found[0]) if found else None
    if forms == ["choices"]:
        return _parse_choices(field, form.choices or [], where, faults)
    return _parse_range(field, form, where, faults)


def _parse_choices(
    field: Field, listed: list[Any], where: str, faults: list[str]
) -> Choices | None:
    if not listed:
        faults.append(f"{where}.choices must offer at least one value; received [].")
        return None
    values: list[Any] = []
    for index, item in enumerate(listed):
        values += _parse_value(field, item, f"{where}.choices[{index}]", faults)
    if len(set(values)) < len(values):
        faults.append(f"{where}.choices must differ from each other; received {listed}.")
    return Choices(tuple(values)) if len(values) == len(listed) else None


def _parse_value(field: Field, value: Any, where: str, faults: list[str]) -> tuple[Any, ...]:
    try:
        return (field.parse(value),)
    except ValueError as error:
        faults.append(f"{where} {error}")
        return ()


def _parse_range(field: Field, form: VariantForm, where: str, faults: list[str]) -> Range | None:
    if field.kind == "other":
        faults.append(f"{where} is no number, so it has no range. Use choices: [...].")
        return None
    if field.kind == "int" and form.type == "float":
        faults.append(f"{where}.type must be int, as the field is; received float. Leave it out.")
        return None
    integer = field.kind == "int" or form.type == "int"
    ends: list[Any] = []
    for key in ("low", "high"):
        value = getattr(form, key)
        if key not in form.model_fields_set:
            faults.append(f"{where}.{key} is missing. Add it, or use value: {form.low}.")
        elif form.log and _is_number(value) and value <= 0:
            remedy = "Use low: 1.0e-5 or log: false" if key == "low" else "Use log: false"
            faults.append(
                f"{where}.{key} must be > 0 when log is true; received {value}. {remedy}."
            )
        elif integer and field.kind == "float" and not isinstance(value, int):
            faults.append(
                f"{where}.{key} must be a whole number for type int; received {value!r}."
            )
        else:
            ends += _parse_value(field, value, f"{where}.{key}", faults)
    step_is_sound = _check_step(form, integer, where, faults)
    if len(ends) < 2 or not step_is_sound:
        return None
    low, high = (int(end) if integer else end for end in ends)
    return _build_range(Range(low, high, form.step, form.log, integer), where, faults)


def _check_step(form: VariantForm, integer: bool, where: str, faults: list[str]) -> bool:
    step = form.step
    if step is None:
        return True
    if form.log:
        faults.append(f"{where}.step cannot go with log: true. Remove one of them.")
    elif not _is_number(step) or (integer and not isinstance(step, int)):
        wanted = "a whole number" if integer else "a number"
        faults.append(f"{where}.step must be {wanted}; received {step!r}.{number_hint(step)}")
    elif not 0 < step < float("inf"):
        faults.append(f"{where}.step must be > 0; received {step}.")
    else:
        return True
    return False


def _build_range(domain: Range, where: str, faults: list[str]) -> Range | None:
    low, high, step = domain.low, domain.high, domain.step
    if low > high:
        faults.append(
            f"{where}.low must be <= high; received low {low} and high {high}. Swap them."
        )
        return None
    if step is not None and nearest_high(low, high, step) != high:
        nearest = nearest_high(low, high, step)
        faults.append(
            f"{where}.high must be low plus a multiple of step {step}; received {high}. "
            f"Use high: {nearest}."
        )
        return None
    return domain


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        values = "|".join(str(value) for value in accepted)
        parts.append(f"{field}={values}" if with_fields else values)
    return ",".join(parts)
