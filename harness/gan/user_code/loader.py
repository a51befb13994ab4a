"""Import a Python file of the user's own from its bytes, and call what is in it.

What runs is what was hashed: no file is looked at again, and no cached bytecode is taken for it.
"""

import importlib.abc
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from harness.core.errors import ConfigError, near_miss
from harness.gan.config.choices import plain_name, split_name
from harness.gan.user_code.user_functions import FOLDER, UserFile


def import_function(name: str, files: Sequence[UserFile]) -> Callable[..., Any]:
    """Return the function of a pinned name, its file imported.

    Args:
        name: `FILE.py:FUNCTION@SHA256`.
        files: Where to find the file.

    Raises:
        ConfigError: If the file is not there, has another hash, or cannot be imported, or has no
            such function.
    """
    file_name, function_name, sha256 = split_name(name)
    file = next((file for file in files if file.sha256 == sha256), None)
    if file is None:
        others = [file.sha256[:12] for file in files if file.name == file_name]
        raise broken(
            name,
            f"the file must have the SHA-256 {sha256[:12]}..., which {FOLDER}/{file_name} has "
            f"not; received {others[0] + '...' if others else 'no such file'}. It was changed or "
            f"lost after the study or training was begun: restore it from a copy.",
        )
    module = _import_file(name, file)
    known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
    function = getattr(module, function_name, None)
    if function is None:
        fault = f"{file.name} has no function {function_name}.{near_miss(function_name, known)}"
        raise broken(name, fault)
    if not callable(function):
        raise broken(name, f"must be a function; it is of type {type(function).__name__}.")
    return function  # type: ignore[no-any-return]


def call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a user's function returns.

    Raises:
        ConfigError: If it raises; says what and where.
    """
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:  # whatever people's code runs into
        raise broken(name, f"raised {_describe(error, split_name(name)[0])}") from error


def broken(name: str, fault: str) -> ConfigError:
    """Return the error about a user's function."""
    return ConfigError(f"{plain_name(name)}: {fault}")


class _Loader(importlib.abc.ExecutionLoader):
    """A loader that gives Python a module's source."""

    def __init__(self, file: UserFile) -> None:
        self._file = file

    def get_source(self, fullname: str) -> str:
        del fullname
        return importlib.util.decode_source(self._file.content)

    def get_filename(self, fullname: str) -> str:
        del fullname
        return self._file.name


def _import_file(name: str, file: UserFile) -> ModuleType:
    module_name = f"user_functions_{file.sha256}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_loader(module_name, _Loader(file), origin=file.name)
    if spec is None or spec.loader is None:
        raise broken(name, f"{file.name} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up while it is imported
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever people's code runs into
        del sys.modules[module_name]
        described = _describe(error, file.name)
        raise broken(name, f"{file.name} cannot be imported: {described}") from error
    return module


def _describe(error: BaseException, file_name: str) -> str:
    """Return an exception in one line, with the place in the user's file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file_name]
    if isinstance(error, SyntaxError):
        lines.append(error.lineno)
    where = f" at {file_name}:{lines[-1]}" if lines else ""
    # Keras puts which layer it was above the message, in bold; TensorFlow puts its own node first.
    plain = re.sub(r"\x1b\[\d*m|\{\{.*?\}\} ", "", str(error))
    text = [line for line in plain.splitlines() if line.strip()]
    message = " ".join(text[: 2 if text and text[0].startswith("Exception enc") else 1])[:300]
    return f"{type(error).__name__}{where}: {message}"
