"""Find functions of the user's own that a YAML names, `my_file.py:build`, without running them.

`generator.name`, `discriminator.name` and `loss.name` may name one. What stands before the colon
is a path, relative to the YAML's own folder. Reading the YAML adds the SHA-256 of the file to the
name, so that a configuration says all that its training depends on. Only `contract.py` imports
the file; docs/guides/own-networks-and-losses.md says what a function must keep to.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import StorageError, near_miss
from harness.core.files import inside, write_bytes
from harness.core.yaml_file import MAX_BYTES
from harness.gan.config.choices import is_user_function, split_name
from harness.gan.config.config import GANConfig

FOLDER = "functions"
"""Where a study or a training keeps copies of the files it names, in its own folder."""

ROLES = ("generator", "discriminator", "loss")
"""Sections whose `name` may be a function of the user's own."""

_MEANT = re.compile(r"\.py(:|$)")
_MOST_CHARACTERS = 60  # W&B, which is given it as a tag, takes 64


@dataclasses.dataclass(frozen=True)
class UserFile:
    """A Python file of the user's own.

    Args:
        name: Its name without the folder.
        content: Its bytes, which are what is run: the file may have changed since.
    """

    name: str
    content: bytes = dataclasses.field(repr=False)

    @property
    def sha256(self) -> str:
        """Return the hash that configurations name it by."""
        return hashlib.sha256(self.content).hexdigest()


@dataclasses.dataclass(frozen=True)
class UserFunctions:
    """What trainings need that name functions of the user's own.

    Args:
        files: The files that were found.
        examples: Configurations that between them name each function to be used.
    """

    files: tuple[UserFile, ...] = ()
    examples: tuple[GANConfig, ...] = ()

    def uses(self) -> Iterator[tuple[str, str, GANConfig]]:
        """Yield each function once: its role, its name, and a configuration that names it."""
        found: dict[tuple[str, str], GANConfig] = {}
        for config in self.examples:
            for use in named_functions(config):
                found.setdefault(use, config)
        yield from ((*use, config) for use, config in found.items())


NO_FUNCTIONS = UserFunctions()
"""What trainings need that name none."""


def kept_functions(folder: Path, *configs: GANConfig) -> UserFunctions:
    """Return the functions that configurations of a study or training name, from its copies."""
    names = [name for config in configs for _, name in named_functions(config)]
    _, files = pin(names, folder, [])
    return UserFunctions(tuple(files.values()), configs)


def write_copies(folder: Path, files: Iterable[UserFile]) -> None:
    """Copy files into the folder of a study or a training, where `pin` finds them again.

    Raises:
        StorageError: If one cannot be written.
    """
    for file in files:
        write_bytes(folder / FOLDER / file.name, file.content)


def named_functions(config: GANConfig) -> list[tuple[str, str]]:
    """Return the role and the name of each function of the user's own in a configuration."""
    names = [(role, getattr(config, role).name) for role in ROLES]
    return [(role, name) for role, name in names if is_user_function(name)]


def pin(
    content: Any, folder: Path, faults: list[str], *, kept: bool = False
) -> tuple[Any, dict[str, UserFile]]:
    """Add its file's hash to each user function's name in the content of a YAML.

    Names that have a hash already come from a study or a training, which keeps copies: they stay
    as they are, and a copy that is missing or damaged is found out when it is to be imported.

    Args:
        content: Mappings, lists and values, e.g. what `read_yaml` returns.
        folder: Where the YAML lies.
        faults: Gets one sentence for each name that leads to no file.
        kept: Whether the YAML lies in a study or a training: names without a hash are refused
            then, as they lead to files of whoever reads it.

    Returns:
        The content with pinned names, and the files found, by name.
    """
    files: dict[str, UserFile] = {}
    found: list[str] = []

    def visit(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: visit(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(visit(each) for each in value)
        if isinstance(value, str) and _MEANT.search(value):
            if kept and not split_name(value)[2]:
                found.append(f"{value[:99]!a} must name a copy of this study, with its hash.")
                return value
            return _pin_name(value, folder, files, faults=found)
        return value

    pinned = visit(content)
    faults.extend(dict.fromkeys(found))  # a search space names a function in conditions, too
    return pinned, files


def _pin_name(text: str, folder: Path, files: dict[str, UserFile], *, faults: list[str]) -> str:
    path_text, function, sha256 = split_name(text)
    path = Path(path_text)
    if sha256:
        copy = _read_copy(folder, path.name)
        if isinstance(copy, UserFile) and copy.sha256 == sha256:
            files[copy.name] = copy
        return text
    if not function.isidentifier():
        faults.append(f"{text} must name a function after the file, such as my_file.py:build.")
        return text
    if len(f"{path.name}:{function}") > _MOST_CHARACTERS:
        faults.append(
            f"{text} must have at most {_MOST_CHARACTERS} characters, folders left out. "
            f"Rename the file or the function."
        )
        return text
    file = _read(folder / path)
    if isinstance(file, str):
        faults.append(f"{text}: {file}")
        return text
    if files.setdefault(file.name, file) != file:
        faults.append(f"{text}: another file is called {file.name} as well. Rename one of them.")
    return f"{file.name}:{function}@{file.sha256}"


def _read_copy(folder: Path, name: str) -> UserFile | str:
    try:
        path = inside(folder, f"{FOLDER}/{name}", most_bytes=MAX_BYTES)
    except StorageError as error:
        return str(error)
    return _read(path or folder / FOLDER / name)


def _read(path: Path) -> UserFile | str:
    """Return a file, or what is wrong with it."""
    try:
        if not path.is_file():
            there = [each.name for each in path.parent.glob("*.py")]
            return (
                f"there is no file {path}; paths are relative to the YAML's folder."
                f"{near_miss(path.name, there)}"
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    except ValueError as error:
        return f"{path!s:.99} is no path: {error}."
    if len(content) > MAX_BYTES:
        return f"{path} must have at most {MAX_BYTES} bytes. Is it the right file?"
    return UserFile(path.name, content)
