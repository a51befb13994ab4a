"""Show that every configuration a search space can propose is one that GANConfig accepts."""

import itertools
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from harness.gan.config.config import unchecked_config
from harness.gan.config.rules import RULES
from harness.space.parameters import Parameter

_SAMPLES = 500
_MOST_CONDITIONS = 10_000
_MOST_CHECKS = 1_000_000
"""Conditions times variants that are tried: a second's work, whatever a file asks for."""


def combination_faults(parameters: Sequence[Parameter]) -> list[str]:
    """Return a fault for variants that overlap or never apply, and for impossible configurations.

    Each of GANConfig's rules is tried with everything the space allows for the fields it reads,
    however rare, of ranges their ends; and with samples of whole configurations, always the same.
    """
    variants = sum(len(part.variants) for part in parameters)
    most = min(_MOST_CONDITIONS, max(1, _MOST_CHECKS // max(variants, 1)))
    faults = [fault for part in parameters for fault in _variant_faults(part, parameters, most)]
    return faults or _rule_faults(parameters, most)


def sample_values(parameters: Sequence[Parameter], rng: random.Random) -> dict[str, Any]:
    """Return one configuration by dotted path, drawn without Optuna."""
    values: dict[str, Any] = {}
    for parameter in parameters:
        values[parameter.name] = parameter.applying(values).sample(rng)
    return values


def _variant_faults(part: Parameter, parameters: Sequence[Parameter], most: int) -> list[str]:
    """Return the faults of one parameter's variants: overlaps, and those that never apply."""
    seen: set[int] = set()
    overlaps: dict[tuple[int, int], str] = {}
    tried = 0
    read = _with_conditions(part.conditions, parameters)
    for values in itertools.islice(_assignments(read, {}), most):
        tried += 1
        hits = list(part.fitting(values))
        seen.update(hits)
        if len(hits) > 1:
            involved = {field for i in hits[:2] for field in part.variants[i].when}
            cause = ", ".join(f"{field}={values[field]}" for field in values if field in involved)
            overlaps.setdefault((hits[0], hits[1]), cause or "nothing is asked")
    faults = [
        f"{part.name}[{one}] and {part.name}[{other}] both apply when {cause}. "
        f"Make their conditions exclude each other."
        for (one, other), cause in overlaps.items()
    ]
    if tried == most:
        return faults  # not everything was tried, so nothing is known to never apply
    return faults + [
        f"{part.name}[{index}] never applies. Correct its condition or remove it."
        for index in range(len(part.variants))
        if index not in seen
    ]


def _assignments(
    decisive: Sequence[Parameter], values: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield every combination of some parameters and all that they depend on; ranges' ends."""
    if not decisive:
        yield dict(values)
        return
    first, *rest = decisive
    for option in first.applying(values).options:
        yield from _assignments(rest, values | {first.name: option})


def _rule_faults(parameters: Sequence[Parameter], most: int) -> list[str]:
    faults, rng = [], random.Random(0)
    samples = [sample_values(parameters, rng) for _ in range(_SAMPLES)]
    sampled = [(values, unchecked_config(values)) for values in samples]
    for rule in RULES:
        read = _with_conditions(rule.fields, parameters)
        some = itertools.islice(_assignments(read, {}), most)
        tried = ((values, unchecked_config(values)) for values in some)
        for values, config in itertools.chain(tried, sampled):
            message = rule.fault(config)
            if message:
                faults.append(_impossible(values, message))
                break  # one sentence for a rule, however many values break it
    return faults


def _with_conditions(fields: Collection[str], parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return the parameters of these fields and those their conditions ask for, in order."""
    wanted, found = set(fields), []
    for part in reversed(parameters):  # a condition names parameters further up
        if part.name in wanted:
            found.append(part)
            wanted |= part.conditions
    return found[::-1]


def _impossible(values: Mapping[str, Any], message: str) -> str:
    involved = {name: values[name] for name in values if name in message} or values
    shown = ", ".join(f"{name}={value}" for name, value in involved.items())
    return (
        f"parameters allow {shown}, which makes no valid GAN: {message}. "
        f"Make one depend on the other with `when`."
    )
