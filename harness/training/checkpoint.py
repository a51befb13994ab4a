"""Save the whole state of a training in one file that loads without running code."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import StorageError
from harness.files import replacing, storage_error

_META = "meta"


def save_checkpoint(path: Path, state: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
    """Write arrays and a JSON-ready dictionary; the previous file stays until this one is whole.

    Args:
        path: The file, `*.npz`.
        state: Every variable of the training by name.
        meta: What the session must know to go on.

    Raises:
        StorageError: If it cannot be written.
    """
    text = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    arrays = {f"state/{name}": value for name, value in state.items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_META: text}, **arrays)


def load_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the dictionary of `save_checkpoint`.

    Raises:
        StorageError: If the file is missing, damaged or not a checkpoint.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as archive:
            meta = json.loads(archive[_META].tobytes().decode())
            state = {
                name.removeprefix("state/"): archive[name]
                for name in archive.files
                if name != _META
            }
    except Exception as error:  # a damaged zip file raises whatever its damage leads to
        raise StorageError(
            f"{path}: expected a checkpoint written by this package; {error}. Remove the file: "
            f"the training then begins anew."
        ) from error
    if not isinstance(meta, dict):
        raise StorageError(f"{path}: expected a dictionary under {_META!r}; received {meta!r}.")
    return state, meta
