"""Translate configurations that people wrote into the parameters of a search space."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError
from harness.core.nested import flatten
from harness.core.validation import raise_faults
from harness.core.yaml_file import read_yaml
from harness.gan.config.config import GANConfig
from harness.gan.user_code.user_functions import pin
from harness.space.fields import FIELDS, unknown_field
from harness.space.parameters import Fixed, Parameter


def load_enqueued(path: Path, parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    """Return the Optuna parameters of every configuration in a user's file.

    Args:
        path: A YAML file with a list of configurations, whole or partial, nested or dotted.
        parameters: What is searched; the configurations must lie in it.

    Raises:
        ConfigError: With every fault of the file.
    """
    faults: list[str] = []
    entries, _ = pin(read_yaml(path), path.parent, faults)
    if not isinstance(entries, list) or not entries:
        raise ConfigError(
            f"{path}: a list of configurations is expected, each after a dash; "
            f"received {type(entries).__name__}. Use - {{generator.width: 24}}."
        )
    found = params_of_each(entries, parameters, faults, name="entry {}")
    raise_faults(str(path), faults)
    return found


def params_of_each(
    entries: Sequence[Any], parameters: Sequence[Parameter], faults: list[str], *, name: str
) -> list[dict[str, Any]]:
    """Return Optuna's parameters for each of several configurations; faults are appended.

    Args:
        entries: Configurations, whole or partial, nested or dotted.
        parameters: What is searched.
        faults: Gets a sentence for each fault.
        name: What an entry is called there, with a place for its number, from 1.
    """
    found = []
    for number, entry in enumerate(entries, start=1):
        where = name.format(number)
        if not isinstance(entry, Mapping):
            faults.append(f"{where} must map fields to values; received {entry!r}.")
            continue
        own: list[str] = []
        found.append(params_of(entry, parameters, faults=own))
        faults += [f"{where}: {fault}" for fault in own]
    return found


def params_of(
    config: GANConfig | Mapping[str, Any], parameters: Sequence[Parameter], *, faults: list[str]
) -> dict[str, Any]:
    """Return Optuna's parameters for a configuration, whole or partial; faults are appended."""
    given = _given(config, faults)
    searched = {parameter.name for parameter in parameters}
    known = {name: field.default for name, field in FIELDS.items() if name not in searched}
    faults += [
        f"{name} is not searched by this space and stays {known[name]}; "
        f"received {value}. Remove it or add it to the space."
        for name, value in given.items()
        if name in known and value != known[name]
    ]
    params: dict[str, Any] = {}
    for parameter in parameters:  # conditions name parameters further up
        name = parameter.name
        unknown = sorted(parameter.conditions - known.keys())
        if unknown and name in given:
            faults.append(f"{name} depends on {', '.join(unknown)}. Give {unknown[0]} too.")
        if unknown:
            continue
        variant = parameter.applying(known)
        fault = variant.fault(given[name]) if name in given else None
        if fault:
            context = ", ".join(f"{each}={known[each]}" for each in sorted(parameter.conditions))
            when = f" when {context}" if context else ""
            faults.append(f"{name} {fault}{when}; received {given[name]}.")
        if isinstance(variant, Fixed):
            known[name] = variant.value
        elif name in given:
            known[name] = given[name]
            if not fault:
                params[variant.name] = variant.encode(given[name])
    return params


def _given(config: GANConfig | Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return values by dotted path, as GANConfig stores them."""
    if isinstance(config, GANConfig):
        config = config.model_dump(exclude={"seed"})  # a trial's seed is derived
    given: dict[str, Any] = {}
    for name, value in flatten(config):
        if name not in FIELDS:
            faults.append(unknown_field(name))
        elif name in given:
            faults.append(f"{name} is given twice, nested and dotted. Keep one of them.")
        else:
            try:
                given[name] = FIELDS[name].parse(value)
            except ValueError as error:
                faults.append(f"{name} {error}")
    return given
