"""Save the whole state of a training in one file that loads without running code."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DamagedError
from harness.core.files import NETWORK_BYTES, inside, replacing, storage_error
from harness.data.memory import check_bytes
from harness.training.training_folder import previous_file

_META = "meta"
_DIGEST = "sha256"
_COPIES = 2
"""The file's bytes, and the arrays made of them."""


def save_checkpoint(path: Path, state: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
    """Write arrays and a JSON-ready dictionary; the file before becomes `previous_file(path)`.

    A reader finds at least one whole file at every moment: the new one is written and synced
    under another name, and the one before is kept until the next call.

    Args:
        path: The file, `*.npz`.
        state: Every variable of the training by name.
        meta: What the training loop needs to go on.

    Raises:
        StorageError: If it cannot be written.
    """
    text = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    arrays = {f"state/{name}": value for name, value in state.items()}
    digest = np.frombuffer(_digest(text, state), dtype=np.uint8)
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_META: text, _DIGEST: digest}, **arrays)
        if path.exists():
            path.replace(previous_file(path))


def load_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the dictionary of `save_checkpoint`.

    Raises:
        DamagedError: If the file is damaged or not a checkpoint.
        DataError: If it would take more memory than there is.
        StorageError: If it cannot be read, or is a link to somewhere else.
    """
    inside(path.parent, path.name, most_bytes=NETWORK_BYTES)
    try:
        check_bytes(path, _COPIES * path.stat().st_size)
        content = path.read_bytes()
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as archive:
            # Written uncompressed: a file that claims more than it holds is a bomb.
            if _claimed_bytes(archive) > len(content):
                raise ValueError("its arrays claim more than the file holds")
            text = archive[_META]
            digest = archive[_DIGEST].tobytes()
            meta = json.loads(text.tobytes().decode())
            state = {
                name.removeprefix("state/"): archive[name]
                for name in archive.files
                if name not in (_META, _DIGEST)
            }
        intact = digest == _digest(text, state)
    except Exception as error:  # a damaged zip file raises whatever its damage leads to
        raise _damaged(path, str(error)) from error
    if not intact:
        raise _damaged(path, "its content does not match its digest")
    if not isinstance(meta, dict):
        raise _damaged(path, f"expected a dictionary under {_META!r}; received {meta!r}")
    return state, meta


def _digest(text: NDArray[np.uint8], state: dict[str, NDArray[Any]]) -> bytes:
    """Return the SHA-256 of all that a checkpoint says, names, types and shapes included."""
    digest = hashlib.sha256(text.tobytes())
    for name, value in sorted(state.items()):
        digest.update(f"\n{name} {value.dtype} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.digest()


def _claimed_bytes(archive: Any) -> int:
    return sum(member.file_size for member in archive.zip.infolist())


def _damaged(path: Path, why: str) -> DamagedError:
    return DamagedError(
        f"{path}: expected a checkpoint written by this package; {why}. Remove the file: the "
        f"training then begins anew."
    )
