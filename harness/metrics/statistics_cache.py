"""Keep reference statistics on disk, found by the content they were computed from."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.errors import StorageError
from harness.files import write_bytes
from harness.metrics.frechet import GaussianStatistics

CACHE_DIR_VARIABLE = "HARNESS_CACHE_DIR"
# Raised when the same images and weights give other statistics than before.
FORMAT = 1
DIGEST_LENGTH = 32


def default_cache_dir() -> Path:
    """Return the folder named by HARNESS_CACHE_DIR, else the user's cache."""
    named = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "gan-sweep-harness"


def cached_statistics(
    cache_dir: Path, key: tuple[str, ...], compute: Callable[[], GaussianStatistics]
) -> GaussianStatistics:
    """Return the statistics kept under a key, computing and keeping them where there are none.

    Processes may do this at the same time: each writes its own temporary file and renames it, and
    all write the same. A file that was cut short or changed is computed anew. A folder that
    cannot be written only costs the time to compute.

    Args:
        cache_dir: Folder of the cache; made if missing.
        key: Hashes of everything the statistics depend on.
        compute: Called when there is no sound file.
    """
    name = hashlib.sha256("/".join((str(FORMAT), *key)).encode()).hexdigest()[:32]
    path = cache_dir / f"statistics-{name}.bin"
    kept = _read(path)
    if kept is not None:
        return kept
    statistics = compute()
    try:
        write_bytes(path, _pack(statistics))
    except StorageError:
        return statistics
    return statistics


def _pack(statistics: GaussianStatistics) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        mean=statistics.mean,
        covariance=statistics.covariance,
        num_images=np.int64(statistics.num_images),
    )
    content = buffer.getvalue()
    return hashlib.sha256(content).digest() + content


def _read(path: Path) -> GaussianStatistics | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:DIGEST_LENGTH], data[DIGEST_LENGTH:]
    if hashlib.sha256(content).digest() != digest:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return GaussianStatistics(arrays["mean"], arrays["covariance"], int(arrays["num_images"]))
