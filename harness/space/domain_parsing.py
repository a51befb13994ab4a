"""Read one variant of a parameter: what it can be, checked against its field of GANConfig."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.core.validation import number_hint
from harness.space.domains import Choices, Domain, Fixed, Range, nearest_high
from harness.space.fields import Field


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


def parse_domain(
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
