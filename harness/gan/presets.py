"""Load configurations: the presets by name, any other from a YAML file."""

from pathlib import Path
from typing import Any

import pydantic

from harness.core.errors import ConfigError, near_miss
from harness.core.validation import fault_error, pydantic_faults, raise_faults
from harness.core.yaml_file import read_yaml, shipped_yaml
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_faults
from harness.gan.monitor import MonitorConfig
from harness.gan.user_code.user_functions import UserFile, UserFunctions, pin

_FILES = shipped_yaml("search_spaces/presets")
PRESETS: tuple[str, ...] = tuple(_FILES)


def load_preset(name: str) -> GANConfig:
    """Return the configuration of a preset.

    Args:
        name: One of `PRESETS`, e.g. `mlp_cgan`.

    Raises:
        ConfigError: If there is none of this name, or its file is faulty.
    """
    return _read_preset(name)[0]


def load_preset_monitor(name: str) -> MonitorConfig:
    """Return how a preset's training shows itself, as its source does.

    Raises:
        ConfigError: As `load_preset`.
    """
    return _read_preset(name)[1]


def load_config(path: Path) -> GANConfig:
    """Return the configuration that a YAML file holds; what it leaves out takes its default.

    Raises:
        ConfigError: If the file cannot be read or is faulty; names all faults at once.
    """
    return _validate(_read_pinned(path)[0], source=str(path))[0]


def load_config_monitor(path: Path) -> MonitorConfig:
    """Return what a YAML file of a configuration says under `monitor`.

    Raises:
        ConfigError: As `load_config`.
    """
    return _validate(_read_pinned(path)[0], source=str(path))[1]


def load_config_functions(path: Path) -> UserFunctions:
    """Return the functions of the user's own that a YAML file of a configuration names.

    Raises:
        ConfigError: As `load_config`.
    """
    content, files = _read_pinned(path)
    return UserFunctions(tuple(files.values()), (_validate(content, source=str(path))[0],))


def _read_pinned(path: Path) -> tuple[Any, dict[str, UserFile]]:
    faults: list[str] = []
    content, files = pin(read_yaml(path), path.parent, faults)
    raise_faults(str(path), faults)
    return content, files


def _read_preset(name: str) -> tuple[GANConfig, MonitorConfig]:
    if name not in PRESETS:
        raise ConfigError(
            f"There is no preset {name!r}; presets are {', '.join(PRESETS)}."
            f"{near_miss(name, PRESETS)}"
        )
    return _validate(read_yaml(_FILES[name]), source=f"presets/{name}.yaml")


def _validate(content: Any, *, source: str) -> tuple[GANConfig, MonitorConfig]:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{source}: must hold the fields of a configuration such as batch_size and generator; "
            f"received {type(content).__name__}."
        )
    fields = {key: value for key, value in content.items() if key != "monitor"}
    raise_faults(source, renamed_faults(fields))
    faults = []
    config = monitor = None
    try:
        config = GANConfig.model_validate(fields)
    except pydantic.ValidationError as error:
        faults += pydantic_faults(error, GANConfig, where="")
    try:
        monitor = MonitorConfig.model_validate(content.get("monitor") or {})
    except pydantic.ValidationError as error:
        faults += pydantic_faults(error, MonitorConfig, where="monitor")
    if config is None or monitor is None:
        raise fault_error(source, faults)
    return config, monitor
