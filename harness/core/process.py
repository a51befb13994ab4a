"""Settle this process: what it follows of its user's settings, and what reaches the terminal.

What would change results is not followed. `settle_variables` runs when `harness` is imported,
before Keras can read anything. Keras reads its file while it is imported, hence `settle_keras` in
the rooms that build networks.
"""

import contextlib
import gc
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError
from harness.core.files import home_expanded

NOT_FOLLOWED: dict[str, str] = {}
"""What is set and not followed, by the name of its variable or file: the value, and why. It
is printed, and kept nowhere."""

_BACKEND = "KERAS_BACKEND"
_UNWANTED = {
    "KERAS_MAX_EPOCHS": "trainings would end early",
    "KERAS_MAX_STEPS_PER_EPOCH": "trainings would end early",
    "KERAS_NNX_ENABLED": "networks here are TensorFlow's",
    "TF_USE_LEGACY_KERAS": "networks here are Keras 3's",
}
_WANTED: dict[str, Any] = {
    "backend": "tensorflow",
    "floatx": "float32",
    "image_data_format": "channels_last",
    "epsilon": 1e-7,
}
_TAKEN: dict[str, tuple[str, ...]] = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}
"""Of what Keras' file says Keras itself takes this alone, and else cannot be imported."""

_QUIETED = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def settle_variables() -> None:
    """Make the environment of this process and its children what trainings need."""
    given = os.environ.get(_BACKEND, "")
    if given.lower() not in ("", "tensorflow"):
        NOT_FOLLOWED[_BACKEND] = f"{given!r}: networks here are TensorFlow's"
    os.environ[_BACKEND] = "tensorflow"
    for name, why in _UNWANTED.items():
        value = os.environ.pop(name, "")
        if value not in ("", "0"):
            NOT_FOLLOWED[name] = f"{value!r}: {why}"


def settle_output() -> None:
    """Let neither a character that cannot be shown nor a warning end this process.

    Where Python is asked to raise warnings as errors, one of TensorFlow's would be the end of a
    training.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    if not any("error".startswith(each.partition(":")[0] or "-") for each in sys.warnoptions):
        return
    given = os.environ.pop("PYTHONWARNINGS", "")
    if given:
        NOT_FOLLOWED["PYTHONWARNINGS"] = f"{given!r}: a warning must not end a training"
    sys.warnoptions.clear()  # processes that are spawned get them anew
    warnings.resetwarnings()
    for category in _QUIETED:
        warnings.simplefilter("ignore", category)


def keras_home() -> Path:
    """Return Keras' folder by Keras' own rule, without the seconds that importing it takes."""
    if "KERAS_HOME" in os.environ:
        return home_expanded(os.environ["KERAS_HOME"])
    home = home_expanded("~")
    return (home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())) / ".keras"


def read_keras_file() -> None:
    """Note what Keras' own file says that is not followed.

    Raises:
        ConfigError: If Keras cannot be imported with that file.
    """
    path = keras_home() / "keras.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return  # Keras passes over it, too
    except OSError as error:
        content = error.strerror
    said = _WANTED | content if isinstance(content, dict) else {}
    sound = all(said.get(name) in known for name, known in _TAKEN.items())
    if not sound or not isinstance(said["epsilon"], float):
        raise ConfigError(
            f"{path}: Keras cannot be imported with this file; expected {json.dumps(_WANTED)}, "
            f"received {json.dumps(content)}. Mend or remove it; Keras writes a new one."
        )
    others = [f"{name} {said[name]!r}" for name in _WANTED if said[name] != _WANTED[name]]
    if others:
        NOT_FOLLOWED[str(path)] = f"{', '.join(others)}: results would be others"


def settle_keras(keras: Any) -> None:
    """Give Keras, the module, the settings that networks here are written for.

    Raises:
        ConfigError: If Keras was imported with another backend before.
    """
    if keras.config.backend() != "tensorflow":
        raise ConfigError(
            f"Keras was imported with the backend {keras.config.backend()!r} before this package; "
            f"networks here are TensorFlow's. Import harness first, or set "
            f"KERAS_BACKEND=tensorflow."
        )
    keras.config.set_floatx(_WANTED["floatx"])
    keras.config.set_dtype_policy(_WANTED["floatx"])
    keras.config.set_image_data_format(_WANTED["image_data_format"])
    keras.config.set_epsilon(_WANTED["epsilon"])


@contextlib.contextmanager
def keeping_all() -> Iterator[None]:
    """Look for no garbage while much is read that stays: an eighth of the time of a restart."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Suppress what TensorFlow's libraries log as they load, before any setting is read.

    Raises:
        ConfigError: If Keras could not be imported with its own file.
    """
    read_keras_file()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr(shows_at_failure=True), warnings.catch_warnings():
        # In a notebook, Optuna's progress bar, which nothing here shows, asks for widgets.
        warnings.filterwarnings("ignore", "IProgress not found")
        yield


@contextlib.contextmanager
def quiet_stderr(*, shows_at_failure: bool) -> Iterator[None]:
    """Suppress what is written to standard error.

    Native libraries would write into the middle of a progress display, and Python cannot see it,
    so the file descriptor is turned away.

    Args:
        shows_at_failure: Write it after all if the block fails.
    """
    with tempfile.TemporaryFile() as held:
        try:
            with stderr_into(held.fileno()):
                yield
        except BaseException:
            if shows_at_failure:
                held.seek(0)
                os.write(2, held.read())
            raise


@contextlib.contextmanager
def stderr_into(descriptor: int) -> Iterator[None]:
    """Let this process, and those that it starts, write standard error into an open file."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
