"""Hold a study from outside a sweep."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import StudyError
from harness.core.locks import lock_folder
from harness.study.leases import Leases
from harness.study.record import read_study
from harness.study.storage import Storage
from harness.study.storage_url import find_storage

_LONGEST_SECONDS = 600.0

_REFUSAL = "a sweep is running this study. Wait for it, or stop it with Ctrl-C."


@contextlib.contextmanager
def study_held(
    folder: Path, storage: str | None = None, *, hint: str | None = None
) -> Iterator[Storage]:
    """Keep sweeps and other commands off an existing study while the block runs.

    Args:
        folder: The study's folder.
        storage: What `--storage` says; see `find_storage`.
        hint: Another URL that may bring the password.

    Yields:
        Its database.

    Raises:
        StudyError: If a sweep runs on it, here or, where a server keeps it, anywhere.
        StorageError: If the lock file cannot be written, or the server not be reached.
    """
    with lock_folder(folder, _REFUSAL):
        found = find_storage(folder, storage, hint=hint)
        if found.file is not None:
            yield found
            return
        with (
            found.engine() as engine,
            contextlib.closing(
                Leases(engine, read_study(folder).id, seconds=_LONGEST_SECONDS)
            ) as leases,
        ):
            if not leases.take_over():
                raise StudyError(f"{folder}: {_REFUSAL}")
            yield found
