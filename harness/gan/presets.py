"""Load configurations: the presets by name, any other from a YAML file."""

import dataclasses
from pathlib import Path
from typing import Any

import pydantic

from harness.core.errors import ConfigError, near_miss
from harness.core.validation import pydantic_faults, raise_faults
from harness.core.yaml_file import read_yaml, shipped_yaml
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_faults
from harness.gan.monitor import MonitorConfig
from harness.gan.user_code.user_functions import UserFunctions, pin

_FILES = shipped_yaml("search_spaces/presets")
PRESETS: tuple[str, ...] = tuple(_FILES)


@dataclasses.dataclass(frozen=True)
class ConfigFile:
    """The content of a configuration's YAML file; what it leaves out takes its default.

    Args:
        config: The configuration.
        monitor: How its training shows itself, from the key `monitor`.
        functions: The functions of the user's own that it names.
    """

    config: GANConfig
    monitor: MonitorConfig
    functions: UserFunctions


def load_preset(name: str) -> GANConfig:
    """Return the configuration of a preset.

    Args:
        name: One of `PRESETS`, e.g. `mlp_cgan`.

    Raises:
        ConfigError: If there is none of this name, or its file is faulty.
    """
    return read_preset(name).config


def load_config(path: Path, *, kept: bool = False) -> GANConfig:
    """Return the configuration that a YAML file holds; what it leaves out takes its default.

    Args:
        path: The file.
        kept: Whether it lies in a training's folder; see `pin`.

    Raises:
        ConfigError: If the file cannot be read or is faulty; names all faults at once.
    """
    return read_config(path, kept=kept).config


def read_preset(name: str) -> ConfigFile:
    """Return all that a preset's file says, as its source does.

    Raises:
        ConfigError: As `load_preset`.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"There is no preset {name!r}; presets are {', '.join(PRESETS)}."
            f"{near_miss(name, PRESETS)}"
        )
    return read_config(_FILES[name], source=f"presets/{name}.yaml")


def read_config(path: Path, *, source: str = "", kept: bool = False) -> ConfigFile:
    """Return all that a YAML file of a configuration says.

    Args:
        path: The file.
        source: What messages call it; its path if empty.
        kept: Whether it lies in a training's folder; see `pin`.

    Raises:
        ConfigError: As `load_config`.
    """
    source = source or str(path)
    faults: list[str] = []
    content, files = pin(read_yaml(path), path.parent, faults, kept=kept)
    raise_faults(source, faults)
    if not isinstance(content, dict):
        raise ConfigError(
            f"{source}: must hold the fields of a configuration such as batch_size and generator; "
            f"received {type(content).__name__}."
        )
    fields = {key: value for key, value in content.items() if key != "monitor"}
    raise_faults(source, renamed_faults(fields))
    config = _checked(GANConfig, fields, where="", faults=faults)
    monitor = _checked(MonitorConfig, content.get("monitor") or {}, where="monitor", faults=faults)
    raise_faults(source, faults)
    return ConfigFile(config, monitor, UserFunctions(tuple(files.values()), (config,)))


def _checked(
    model: type[pydantic.BaseModel], content: Any, *, where: str, faults: list[str]
) -> Any:
    try:
        return model.model_validate(content)
    except pydantic.ValidationError as error:
        faults += pydantic_faults(error, model, where=where)
        return None
