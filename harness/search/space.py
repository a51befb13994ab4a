"""Read a search space from YAML, check all of it, and turn Optuna's trials into GANConfigs."""

import dataclasses
import functools
import hashlib
import importlib.resources
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import yaml
from pydantic import ValidationError

from harness.errors import ConfigError, near_miss
from harness.gan.config import GANConfig
from harness.search.combinations import combination_faults
from harness.search.enqueue import load_entries, params_of
from harness.search.faults import pydantic_faults, raise_faults, unknown_key
from harness.search.fields import build_config
from harness.search.parameters import Parameter, parse_parameters
from harness.search.settings import (
    PRUNER_SETTINGS,
    SAMPLER_SETTINGS,
    Budget,
    PatientSettings,
    ProtocolSettings,
    Settings,
    SuccessiveHalvingSettings,
    parse_settings,
    reduction_factor,
    settings_to_dict,
)
from harness.search.yaml_file import read_yaml

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

_KEYS = ("name", "description", "dataset", "parameters", "budget", "sampler", "pruner", "protocol")
_REQUIRED = ("name", "dataset", "parameters", "budget")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SUFFIXES = (".yaml", ".yml")
_Model = TypeVar("_Model", bound=Settings)


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """Hold what a study searches, and by which rules.

    Args:
        name: Its name, and by default the study's.
        description: One line for people.
        dataset: Key of `DATASETS`.
        parameters: What is searched, in the order declared.
        budget: Rungs and the cost allowed.
        sampler: Who proposes trials.
        pruner: Who stops them.
        protocol: How they are scored.
    """

    name: str
    description: str
    dataset: str
    parameters: tuple[Parameter, ...]
    budget: Budget
    sampler: Settings
    pruner: Settings
    protocol: ProtocolSettings

    @classmethod
    def load(cls, name_or_path: str) -> Self:
        """Return a search space that comes with the package, by name, or one from a file.

        Args:
            name_or_path: A path if it ends in `.yaml` or `.yml` or contains a separator; else a
                name such as `default`.

        Raises:
            ConfigError: If there is no such space, or with every fault it has.
        """
        if name_or_path.endswith(_SUFFIXES) or "/" in name_or_path or os.sep in name_or_path:
            return cls.from_dict(read_yaml(Path(name_or_path)), source=name_or_path)
        folder = spaces_folder()
        names = space_names(folder)
        if name_or_path not in names:
            raise ConfigError(
                f"There is no search space {name_or_path!r}.{near_miss(name_or_path, names)} "
                f"Known: {', '.join(names)}; a file's path must end in .yaml."
            )
        path = folder / f"{name_or_path}.yaml"
        return cls.from_dict(read_yaml(path), source=f"{folder.name}/{path.name}")

    @classmethod
    def from_dict(cls, record: Any, *, source: str) -> Self:
        """Return the search space that a YAML document describes.

        Args:
            record: What the document holds; `to_dict` writes the same form.
            source: Where it comes from, for messages.

        Raises:
            ConfigError: With every fault it has.
        """
        if not isinstance(record, Mapping):
            raise ConfigError(
                f"{source}: a mapping with the keys {', '.join(_KEYS)} is expected; "
                f"received {type(record).__name__}."
            )
        faults = [unknown_key("", key, _KEYS) for key in record if key not in _KEYS]
        faults += [f"{key} is missing. Add it." for key in _REQUIRED if key not in record]
        parts = _parse_parts(record, faults)
        raise_faults(source, faults)
        space = cls(**parts)
        raise_faults(source, combination_faults(space.parameters))
        return space

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form with all defaults spelled out; `from_dict` reads it back."""
        return {
            "name": self.name,
            "description": self.description,
            "dataset": self.dataset,
            "parameters": {part.name: part.to_dict() for part in self.parameters},
            "budget": settings_to_dict(self.budget),
            "sampler": settings_to_dict(self.sampler),
            "pruner": settings_to_dict(self.pruner),
            "protocol": settings_to_dict(self.protocol),
        }

    def to_yaml(self) -> str:
        """Return a YAML document that loads as this search space."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    @functools.cached_property
    def sha256(self) -> str:
        """Return a hash of everything that changes a study; name and description do not."""
        text = json.dumps(self._meaning(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def diff(self, other: "SearchSpace") -> list[str]:
        """Return one line for each difference in meaning, from this space to the other."""
        mine, theirs = _flat(self._meaning()), _flat(other._meaning())
        keys = [*mine, *(key for key in theirs if key not in mine)]
        return [
            f"{key}: {mine.get(key, 'absent')} -> {theirs.get(key, 'absent')}"
            for key in keys
            if mine.get(key) != theirs.get(key)
        ]

    def suggest(self, trial: "BaseTrial", *, seed: int) -> GANConfig:
        """Return a trial's configuration, all parameters suggested at once.

        Asking again for the same trial gives the same configuration: Optuna returns what it has
        stored.

        Args:
            trial: The trial.
            seed: The configuration's seed.
        """
        values: dict[str, Any] = {}
        for part in self.parameters:
            variant = part.applying(values)
            values[part.name] = (
                variant.domain.suggest(trial, variant.name) if variant else part.field.default
            )
        return build_config(values, seed=seed)

    def distributions(self, *, unconditional: bool = False) -> "dict[str, BaseDistribution]":
        """Return Optuna's distributions by Optuna's parameter name.

        Args:
            unconditional: Whether to leave out parameters that depend on others.
        """
        found = {}
        for part in self.parameters:
            for variant in part.variants:
                distribution = variant.domain.distribution()
                if distribution is not None and not (unconditional and variant.when):
                    found[variant.name] = distribution
        return found

    def params_of(self, config: GANConfig | Mapping[str, Any]) -> dict[str, Any]:
        """Return the Optuna parameters that make a trial of a given configuration.

        Args:
            config: A whole configuration, or some of its fields, nested or dotted; the sampler
                chooses what a partial one leaves out.

        Raises:
            ConfigError: Names every field that this space cannot give that value.
        """
        faults: list[str] = []
        params = params_of(config, self.parameters, faults)
        raise_faults("configuration", faults)
        return params

    def _meaning(self) -> dict[str, Any]:
        record = self.to_dict()
        return {key: record[key] for key in record if key not in ("name", "description")}


def load_enqueued(path: Path | str, space: SearchSpace) -> list[dict[str, Any]]:
    """Return the Optuna parameters of every configuration in a user's file.

    Args:
        path: A YAML file with a list of configurations, whole or partial, nested or dotted.
        space: The space they must lie in.

    Raises:
        ConfigError: With every fault of the file.
    """
    return load_entries(Path(path), space.parameters)


def spaces_folder() -> Path:
    """Return the folder of the search spaces that come with the package.

    A wheel carries them inside the package; an editable installation leaves them at the top of
    the source tree, where people look for them.
    """
    package = Path(str(importlib.resources.files("harness")))
    return first_folder((package / "search_spaces", package.parent / "search_spaces"))


def first_folder(candidates: Iterable[Path]) -> Path:
    """Return the first folder that exists.

    Raises:
        ConfigError: If none does.
    """
    tried = list(candidates)
    for folder in tried:
        if folder.is_dir():
            return folder
    places = " or ".join(str(folder) for folder in tried)
    raise ConfigError(f"The search spaces are expected in {places}. Install the package again.")


def space_names(folder: Path | None = None) -> list[str]:
    """Return the names of the search spaces that come with the package."""
    return sorted(path.stem for path in (folder or spaces_folder()).glob("*.yaml"))


def _parse_parts(record: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        key: _parse_text(record.get(key, ""), key, faults)
        for key in ("name", "description", "dataset")
    }
    parts["parameters"] = (
        parse_parameters(record["parameters"], faults) if "parameters" in record else ()
    )
    budget = None
    if "budget" in record:
        budget = parts["budget"] = _parse_model(Budget, record["budget"], "budget", faults)
    for key, kinds in (("sampler", SAMPLER_SETTINGS), ("pruner", PRUNER_SETTINGS)):
        default = {"name": next(iter(kinds))}
        parts[key] = parse_settings(record.get(key, default), kinds, where=key, faults=faults)
    parts["protocol"] = _parse_model(
        ProtocolSettings, record.get("protocol", {}), "protocol", faults
    )
    if budget is not None and parts["pruner"] is not None:
        faults.extend(_rung_faults(parts["pruner"], budget.rungs_kimg))
    return parts


def _parse_text(value: Any, key: str, faults: list[str]) -> str:
    if not isinstance(value, str) or "\n" in value.strip():
        faults.append(f"{key} must be one line of text; received {value!r}.")
        return ""
    if key != "description" and value and not _NAME.fullmatch(value):
        faults.append(
            f"{key} must consist of letters, digits, - and _; received {value!r}. "
            f"Use {key}: {re.sub('[^A-Za-z0-9_-]+', '_', value).strip('_-') or 'mine'}."
        )
    return value.strip()


def _parse_model(kind: type[_Model], value: Any, where: str, faults: list[str]) -> _Model | None:
    if not isinstance(value, Mapping):
        keys = ", ".join(kind.model_fields)
        faults.append(f"{where} must be a mapping with the keys {keys}; received {value!r}.")
        return None
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        faults.extend(pydantic_faults(error, kind, where))
        return None


def _rung_faults(pruner: Settings, rungs_kimg: tuple[int, ...]) -> list[str]:
    wrapped = pruner.wrapped if isinstance(pruner, PatientSettings) else pruner
    if isinstance(wrapped, SuccessiveHalvingSettings):
        try:
            reduction_factor(wrapped, rungs_kimg)
        except ValueError as error:
            return [str(error)]
    return []


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping by dotted key; a parameter's form stays in one piece."""
    flat = {}
    for section, content in record.items():
        if isinstance(content, Mapping):
            for key, value in content.items():
                flat[f"{section}.{key}"] = value
        else:
            flat[section] = content
    return flat
