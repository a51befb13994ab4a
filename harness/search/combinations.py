"""Prove that every configuration a search space can propose is one that GANConfig accepts."""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from harness.search.domains import Choices, Fixed
from harness.search.fields import build_config
from harness.search.parameters import Parameter

_SAMPLES = 500
_MOST_CONDITIONS = 10_000
_MOST_CHECKS = 1_000_000
"""Conditions times variants that are tried: a second's work, whatever a file asks for."""


def combination_faults(parameters: Sequence[Parameter]) -> list[str]:
    """Return a fault for variants that overlap or never apply, and for impossible configurations.

    Conditions are enumerated; configurations are sampled, always the same ones, so a rare
    impossible combination can slip through. GANConfig then refuses it when it is suggested.
    """
    faults = _variant_faults(parameters)
    return faults or _config_faults(parameters)


def sample_values(parameters: Sequence[Parameter], rng: random.Random) -> dict[str, Any]:
    """Return one configuration by dotted path, drawn without Optuna."""
    values: dict[str, Any] = {}
    for parameter in parameters:
        variant = parameter.applying(values)
        values[parameter.name] = variant.domain.sample(rng) if variant else parameter.field.default
    return values


def _variant_faults(parameters: Sequence[Parameter]) -> list[str]:
    conditions = {
        field for part in parameters for variant in part.variants for field in variant.when
    }
    decisive = [part for part in parameters if part.name in conditions]
    seen: set[tuple[str, int]] = set()
    overlaps: dict[tuple[str, int, int], str] = {}
    variants = sum(len(part.variants) for part in parameters)
    most = min(_MOST_CONDITIONS, max(1, _MOST_CHECKS // max(variants, 1)))
    tried = list(itertools.islice(_assignments(decisive, {}), most))
    for values in tried:
        for part in parameters:
            hits = [i for i, variant in enumerate(part.variants) if variant.applies(values)]
            seen.update((part.name, index) for index in hits)
            if len(hits) > 1:
                fields = {field for i in hits[:2] for field in part.variants[i].when}
                cause = ", ".join(
                    f"{field}={values[field]}" for field in values if field in fields
                )
                overlaps.setdefault((part.name, hits[0], hits[1]), cause or "nothing is asked")
    faults = [
        f"{name}[{one}] and {name}[{other}] both apply when {cause}. "
        f"Make their conditions exclude each other."
        for (name, one, other), cause in overlaps.items()
    ]
    if len(tried) == most:
        return faults  # not everything was tried, so nothing is known to never apply
    return faults + [
        f"{part.name}[{index}] never applies. Correct its condition or remove it."
        for part in parameters
        for index in range(len(part.variants))
        if (part.name, index) not in seen
    ]


def _assignments(
    decisive: Sequence[Parameter], values: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield every combination of the parameters that conditions ask for."""
    if not decisive:
        yield dict(values)
        return
    first, *rest = decisive
    variant = first.applying(values)
    options: tuple[Any, ...] = (first.field.default,)
    if variant is not None and isinstance(variant.domain, Choices):
        options = variant.domain.values
    elif variant is not None and isinstance(variant.domain, Fixed):
        options = (variant.domain.value,)
    for option in options:
        yield from _assignments(rest, values | {first.name: option})


def _config_faults(parameters: Sequence[Parameter]) -> list[str]:
    rng = random.Random(0)
    faults: dict[str, str] = {}
    for _ in range(_SAMPLES):
        values = sample_values(parameters, rng)
        try:
            build_config(values)
        except ValidationError as error:
            for detail in error.errors():
                message = str(detail["msg"]).removeprefix("Value error, ")
                involved = {name: values[name] for name in values if name in message} or values
                shown = ", ".join(f"{name}={value}" for name, value in involved.items())
                # One sentence for a rule, however many values break it.
                faults.setdefault(
                    message.split("; received")[0],
                    f"parameters allow {shown}, which makes no valid GAN: {message}. "
                    f"Make one depend on the other with `when`.",
                )
    return list(faults.values())
