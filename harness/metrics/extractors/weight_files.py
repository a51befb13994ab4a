"""Keep a model's weights in one plain .npz file that is checked by its SHA-256."""

import hashlib
import io
import zipfile
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from harness.core.errors import StorageError
from harness.core.files import storage_error, write_bytes


def write_weights(model: keras.Model, path: Path) -> str:
    """Write all weights of a model, moving statistics included, in the order the model has them.

    Args:
        model: Any built model.
        path: File to write, whole or not at all.

    Returns:
        The SHA-256 of the file; equal weights give equal files.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **{f"weight_{i:03d}": value for i, value in enumerate(model.get_weights())})
    write_bytes(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_weights(model: keras.Model, path: Path, sha256: str) -> None:
    """Read weights into a model of the same architecture.

    Args:
        model: The model to fill.
        path: A file of `write_weights`.
        sha256: What its content must hash to. It is checked first: other weights would give
            other scores under the same name.

    Raises:
        StorageError: If the file cannot be read, has another hash or does not fit the model.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise storage_error(path, error) from error
    received = hashlib.sha256(content).hexdigest()
    if received != sha256:
        raise StorageError(
            f"{path}: the weights have SHA-256 {received}; expected {sha256}. The file was "
            f"changed or cut short: reinstall the package, or train the extractor again."
        )
    arrays = _unpack(path, content)
    expected = [tuple(weight.shape) for weight in model.weights]
    if [array.shape for array in arrays] != expected:
        raise StorageError(
            f"{path}: the weights are those of another architecture: {len(arrays)} arrays, the "
            f"model has {len(expected)} of other shapes. Train the extractor again."
        )
    model.set_weights(arrays)


def _unpack(path: Path, content: bytes) -> list[NDArray[np.float32]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return [arrays[name] for name in sorted(arrays.files)]
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise StorageError(f"{path}: expected an .npz file of arrays; {error}.") from error
