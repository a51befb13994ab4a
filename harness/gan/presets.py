"""Load configurations: the presets by name, any other from a YAML file."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pydantic

from harness.errors import ConfigError, near_miss
from harness.faults import fault_error, pydantic_faults
from harness.gan.config import GANConfig
from harness.yaml_file import parse_yaml, read_yaml


def _preset_folder() -> Traversable:
    # A wheel carries search_spaces/ inside the package; a checkout has it beside the package.
    package = resources.files("harness")
    packaged = package / "search_spaces" / "presets"
    if packaged.is_dir():
        return packaged
    return Path(str(package)).parent / "search_spaces" / "presets"


def _list_presets() -> tuple[str, ...]:
    folder = _preset_folder()
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


PRESETS: tuple[str, ...] = _list_presets()


def load_preset(name: str) -> GANConfig:
    """Return the configuration of a preset.

    Args:
        name: One of `PRESETS`, e.g. `mlp_cgan`.

    Raises:
        ConfigError: If there is none of this name, or its file is faulty.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"There is no preset {name!r}; presets are {', '.join(PRESETS)}."
            f"{near_miss(name, PRESETS)}"
        )
    text = (_preset_folder() / f"{name}.yaml").read_bytes()
    source = f"presets/{name}.yaml"
    return _validate(parse_yaml(text, source=source), source=source)


def load_config(path: Path) -> GANConfig:
    """Return the configuration that a YAML file holds; what it leaves out takes its default.

    Raises:
        ConfigError: If the file cannot be read or is faulty; names all faults at once.
    """
    return _validate(read_yaml(path), source=str(path))


def _validate(content: Any, *, source: str) -> GANConfig:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{source}: must hold the fields of a configuration such as batch_size and generator; "
            f"received {type(content).__name__}."
        )
    try:
        return GANConfig.model_validate(content)
    except pydantic.ValidationError as error:
        raise fault_error(source, pydantic_faults(error, GANConfig, where="")) from error
