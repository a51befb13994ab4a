"""Hold a study from outside a sweep."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.core.locks import lock_folder


@contextlib.contextmanager
def study_held(folder: Path) -> Iterator[None]:
    """Keep sweeps and other commands off an existing study while the block runs.

    Args:
        folder: The study's folder.

    Raises:
        StudyError: If a sweep runs on it.
        StorageError: If the lock file cannot be written.
    """
    refusal = "a sweep is running this study. Wait for it, or stop it with Ctrl-C."
    with lock_folder(folder, refusal):
        yield
