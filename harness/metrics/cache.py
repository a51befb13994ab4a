"""Keep what is computed from a reference on disk, found by the content it depends on."""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import StorageError
from harness.core.files import write_bytes
from harness.metrics.fid import GaussianStatistics

Arrays = dict[str, NDArray[Any]]

CACHE_DIR_VARIABLE = "HARNESS_CACHE_DIR"
# Raised when the same images and weights give other arrays than before.
FORMAT = 2
DIGEST_LENGTH = 32


def default_cache_dir() -> Path:
    """Return the folder named by HARNESS_CACHE_DIR, else the user's cache."""
    named = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "gan-sweep-harness"


def cached_statistics(
    cache_dir: Path, key: tuple[str, ...], compute: Callable[[], GaussianStatistics]
) -> GaussianStatistics:
    """Return the statistics kept under a key; see `cached_arrays`."""

    def pack() -> Arrays:
        made = compute()
        count = np.array(made.num_images)
        return {"mean": made.mean, "covariance": made.covariance, "num_images": count}

    kept = cached_arrays(cache_dir, ("statistics", *key), pack)
    return GaussianStatistics(kept["mean"], kept["covariance"], int(kept["num_images"]))


def cached_arrays(cache_dir: Path, key: tuple[str, ...], compute: Callable[[], Arrays]) -> Arrays:
    """Return the arrays kept under a key, computing and keeping them where there are none.

    Processes may do this at the same time: each writes its own temporary file and renames it, and
    all write the same. A file that was cut short or changed is computed anew. A folder that
    cannot be written only costs the time to compute.

    Args:
        cache_dir: Folder of the cache; made if missing.
        key: What the arrays are, then hashes of everything they depend on.
        compute: Called when there is no sound file.
    """
    name = hashlib.sha256("/".join((str(FORMAT), *key)).encode()).hexdigest()[:32]
    path = cache_dir / f"{key[0]}-{name}.bin"
    kept = _read(path)
    if kept is not None:
        return kept
    arrays = compute()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # an option of savez is no array's name
    content = buffer.getvalue()
    with contextlib.suppress(StorageError):
        write_bytes(path, hashlib.sha256(content).digest() + content)
    return arrays


def _read(path: Path) -> Arrays | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:DIGEST_LENGTH], data[DIGEST_LENGTH:]
    if hashlib.sha256(content).digest() != digest:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
