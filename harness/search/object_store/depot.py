"""Let workers on other nodes write large files to the store themselves, and fetch them there.

A worker leaves what its session saved under the hash of its content, in one piece, and tells the
runner that hash. The runner takes it into the mirror, and lets the store itself copy it to its place
when its turn comes: the upload's order holds, whoever brought the bytes. What is small travels
with the messages, and so does everything where a node has no credentials for the store.
"""

import dataclasses
import functools
import hashlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.ray.file_set import FileSet
from harness.core.errors import HarnessError, StorageError
from harness.search.object_store.manifest import MANIFEST, STATE_FOLDER, URL_FILE, Manifest
from harness.training.training_folder import previous_file

if TYPE_CHECKING:  # the package behind it is an extra, which workers may be without
    from harness.search.object_store.store import ObjectStore

FOLDER = ".travel"
"""Where a study keeps what workers left, until it is copied to its place."""

LARGE_BYTES = 2**18

CHECKPOINT = "checkpoint.npz"


@dataclasses.dataclass(frozen=True)
class Depot:
    """Name the store that a study lies in.

    Args:
        url: The store's.
        study: The study's name there.
    """

    url: str
    study: str

    def is_open(self) -> bool:
        """Return whether this machine may write there and read."""
        probe = f"{self.study}/{FOLDER}/{uuid.uuid4().hex}"
        try:
            store = _store(self.url)
            store.write(probe, b"")
            store.remove([probe])
        except (HarnessError, ImportError):
            return False
        return True

    def leave(self, file_set: FileSet) -> FileSet:
        """Return a parcel whose large files lie in the store instead.

        Raises:
            StorageError: If the store cannot be written.
        """
        files, stored = {}, dict(file_set.stored)
        for name, content in file_set.files.items():
            if len(content) < LARGE_BYTES:
                files[name] = content
                continue
            path = staged(content)
            _store(self.url).write(f"{self.study}/{path}", content)
            stored[name] = path
        return dataclasses.replace(file_set, files=files, stored=stored)

    def refer(self, file_set: FileSet, folder: Path) -> FileSet:
        """Return a parcel without what the store has of a training's folder just as it is here.

        It then needs no second checkpoint either, for where the first one was cut short.

        Args:
            file_set: What the folder holds.
            folder: Within the mirror.
        """
        root = _root(folder)
        if root is None:
            return file_set
        manifest = Manifest(root / STATE_FOLDER / self.study / MANIFEST)
        known = manifest.entries()
        manifest.close()
        files, stored = {}, dict(file_set.stored)
        for name, content in file_set.files.items():
            path = (folder / name).relative_to(root / self.study).as_posix()
            found = (folder / name).stat()
            entry = known.get(path)
            same = entry is not None and (entry.size, entry.mtime_ns) == (
                found.st_size,
                found.st_mtime_ns,
            )
            if same and len(content) >= LARGE_BYTES:
                stored[name] = path
            else:
                files[name] = content
        if CHECKPOINT in stored:
            files.pop(previous_file(Path(CHECKPOINT)).name, None)
        return dataclasses.replace(file_set, files=files, stored=stored)

    def collect(self, file_set: FileSet) -> FileSet:
        """Return a parcel with all that lies in the store fetched.

        Raises:
            StorageError: If something is not there, or the store cannot be read.
        """
        files = dict(file_set.files)
        for name, path in file_set.stored.items():
            content = _store(self.url).read(f"{self.study}/{path}")
            if content is None or (path.startswith(FOLDER) and staged(content) != path):
                raise StorageError(
                    f"{self.url}/{self.study}/{path}: is missing or damaged. Give the same "
                    f"command again: the training goes on from an earlier checkpoint."
                )
            files[name] = content
        return dataclasses.replace(file_set, files=files, stored={})


def find_depot(folder: Path) -> Depot | None:
    """Return the store that the study of a folder lies in; None for one that lies here alone."""
    root = _root(folder)
    if root is None:
        return None
    study = folder.relative_to(root).parts[0]
    return Depot((root / STATE_FOLDER / URL_FILE).read_text(encoding="utf-8").strip(), study)


def staged(content: bytes) -> str:
    """Return where content is left before it has a place."""
    return f"{FOLDER}/{hashlib.sha256(content).hexdigest()}"


def _root(folder: Path) -> Path | None:
    for parent in folder.parents:
        if (parent / STATE_FOLDER / URL_FILE).is_file():
            return parent
    return None


@functools.cache
def _store(url: str) -> "ObjectStore":
    from harness.search.object_store.store import ObjectStore

    return ObjectStore(url)
