"""Load configurations: the presets by name, any other from a YAML file."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pydantic
import yaml

from harness.errors import ConfigError, near_miss
from harness.gan.config import GANConfig


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
    file = _preset_folder() / f"{name}.yaml"
    return parse_config(file.read_text(encoding="utf-8"), where=f"presets/{name}.yaml")


def load_config(path: Path) -> GANConfig:
    """Return the configuration that a YAML file holds; what it leaves out takes its default.

    Raises:
        ConfigError: If the file cannot be read or is faulty; names all faults at once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read as a configuration ({error}). "
            "Give the path of a readable YAML file."
        ) from error
    return parse_config(text, where=str(path))


def parse_config(text: str, where: str) -> GANConfig:
    """Return the configuration in a YAML text.

    Args:
        text: YAML with the fields of `GANConfig`.
        where: What error messages call it.

    Raises:
        ConfigError: If it is not YAML or not a configuration; names all faults at once.
    """
    try:
        # _UniqueKeyLoader is a SafeLoader: it builds plain values only.
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{where}: must hold the fields of a configuration such as batch_size and generator; "
            f"received {type(content).__name__}."
        )
    try:
        return GANConfig.model_validate(content)
    except pydantic.ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        raise ConfigError("\n".join(f"{where}: {fault}" for fault in faults)) from error


class _UniqueKeyLoader(yaml.SafeLoader):
    """Load plain YAML, but refuse a key given twice, of which YAML would keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", node.value[i][0].start_mark
                )
        return super().construct_mapping(node, deep)


def _describe(fault: Any) -> str:
    """Return one sentence for one fault that pydantic found."""
    path = [str(part) for part in fault["loc"]]
    key = ".".join(path)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(path[:-1])
        return f"{key} is not a field; known are {', '.join(known)}.{near_miss(path[-1], known)}"
    message = fault["msg"].removeprefix("Value error, ")
    if not path:
        return f"{message}."
    return f"{key}: {message}; received {fault['input']!r}."


def _fields_at(path: list[str]) -> list[str]:
    model: Any = GANConfig
    for part in path:
        model = model.model_fields[part].annotation
    return list(model.model_fields)
