"""Write a generator in the file formats of several runtimes."""

import dataclasses
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import ConfigError, ExportError, first_line, near_miss, require_packages

if TYPE_CHECKING:
    import keras

DESCRIPTION = "generator.json"
"""What `generate.py` and the explorer read beside a network."""

SUFFIXES = {".keras": "keras", ".onnx": "onnxruntime", ".tflite": "litert"}
"""Runtimes by how the names of the files end that they draw with."""

_SAVED_MODEL = "saved_model.pb"


def runtime_of(path: Path) -> str | None:
    """Return the runtime that draws with a file or a SavedModel's folder; None for no network."""
    if (path / _SAVED_MODEL).is_file():
        return "tensorflow"
    return SUFFIXES.get(path.suffix.lower()) if path.is_file() else None


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format: how it is written, and what runs it.

    Args:
        file: Its name in a bundle; a folder for `savedmodel`.
        runtime: What runs it: a key of `RUNTIMES` in `templates/generate.py`.
        write: From the loaded generator and the file it was loaded from to the new file.
        extra: The package's extra that it needs; empty for none.
        packages: What that extra brings, by the names they are imported by.
    """

    file: str
    runtime: str
    write: "Callable[[keras.Model, Path, Path], None]"
    extra: str = ""
    packages: tuple[str, ...] = ()


def check_formats(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names if all of them can be written and run here.

    Raises:
        ConfigError: If there is none, one is unknown or one is given twice.
        MissingExtraError: If a package that one needs is not installed.
    """
    known = ", ".join(FORMATS)
    if not any(names):
        raise ConfigError(f"--formats: received none; expected some of {known}.")
    for name in names:
        if name not in FORMATS:
            raise ConfigError(
                f"--formats: received {name!r}; expected some of {known}, with commas between "
                f"them.{near_miss(name, FORMATS)}"
            )
        if names.count(name) > 1:
            raise ConfigError(f"--formats: received {name!r} twice; name each format once.")
    for name in names:
        form = FORMATS[name]
        install = f"pip install 'gan-sweep-harness[{form.extra}]', or leave {name} out."
        require_packages(f"--formats: {name}", form.packages, f"Install the extra: {install}")
    return tuple(names)


def write_format(name: str, model: "keras.Model", source: Path, target: Path) -> None:
    """Write a generator in one format.

    Args:
        name: Key of FORMATS.
        model: The generator, which has been called at least once.
        source: The `.keras` file it was loaded from.
        target: The file or folder to write.

    Raises:
        ExportError: If the format cannot express the generator.
        OSError: If it cannot be written.
    """
    try:
        FORMATS[name].write(model, source, target)
    except OSError:
        raise
    except Exception as error:  # a converter raises whatever it runs into
        raise ExportError(
            f"{target.name}: this generator cannot be converted to {name} "
            f"({type(error).__name__}: {first_line(error)}). Nothing was exported: leave {name} "
            f"out of --formats."
        ) from error


def _copy_keras(model: "keras.Model", source: Path, target: Path) -> None:
    shutil.copyfile(source, target)  # the very file that training kept


def _write_savedmodel(model: "keras.Model", source: Path, target: Path) -> None:
    model.export(str(target), format="tf_saved_model", verbose=False)


def _write_onnx(model: "keras.Model", source: Path, target: Path) -> None:
    with warnings.catch_warnings():
        # Keras looks whether NumPy still has what it then gives back to tf2onnx.
        warnings.filterwarnings("ignore", message="In the future `np.object`")
        model.export(str(target), format="onnx", verbose=False)


def _write_litert(model: "keras.Model", source: Path, target: Path) -> None:
    import keras
    import tensorflow as tf

    class Enlargement(keras.layers.UpSampling2D):  # type: ignore[misc]
        """Repeat rows and columns in such a way that the result's size is known.

        Keras repeats by an operation whose result has no fixed size, and what follows would
        become operations that only a LiteRT with all of TensorFlow runs.
        """

        def call(self, inputs: Any) -> Any:
            size = (inputs.shape[1] * self.size[0], inputs.shape[2] * self.size[1])
            return tf.image.resize(inputs, size, method="nearest")

    def replacement(layer: Any) -> Any:
        if type(layer) is keras.layers.UpSampling2D and layer.interpolation == "nearest":
            return Enlargement.from_config(layer.get_config())
        return layer

    # Built-in operations only: a LiteRT runtime brings no others.
    builtin = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    twin = keras.models.clone_model(model, clone_function=replacement)
    twin.export(str(target), format="litert", verbose=False, target_spec=builtin)


FORMATS: dict[str, Format] = {
    "keras": Format("generator.keras", "keras", _copy_keras),
    "savedmodel": Format("savedmodel", "tensorflow", _write_savedmodel),
    "onnx": Format(
        "generator.onnx", "onnxruntime", _write_onnx, "onnx", ("onnx", "tf2onnx", "onnxruntime")
    ),
    "litert": Format("generator.tflite", "litert", _write_litert, "litert", ("ai_edge_litert",)),
}
"""The extension point: a format a line, and its runtime a line in `templates/generate.py`."""
