"""Upload what changed in a mirror, in an order that leaves a sound study wherever it is cut off.

A training's outcome comes after all else of it, its checkpoint after its history, and the database
after the outcomes it knows of: the order of truth. But a trial's folder must not come before a
database that has the trial, or whoever goes on would ask for another trial of that number. So
where trials have begun, the database goes first, with those that ended meanwhile still running in
it, and once more at the end.
"""

import concurrent.futures
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from harness.core.errors import StorageError
from harness.core.files import storage_error
from harness.search.object_store import database
from harness.search.object_store.depot import CHECKPOINT, FOLDER, LARGE_BYTES, staged
from harness.search.object_store.manifest import Entry
from harness.search.object_store.mirror import AT_ONCE, FOUNDATION, RECORD, Found, Mirror, scan

GROWING_SECONDS = 30.0
"""Logs that grow are uploaded so often, and with each checkpoint and end beside them."""

_LAST = ("outcome.json", "result.json")
_FIRST, _STUDY, _FILES, _NETWORKS, _CHECKPOINT, _OUTCOME = range(6)


@dataclasses.dataclass(frozen=True)
class _File:
    path: str
    content: Path
    size: int
    mtime_ns: int


class Upload:
    """Bring the store up to a mirror.

    Args:
        mirror: The study's copy here.
        require: Called before anything is written; raises if that is not allowed any more.
        only: What the paths begin with that are uploaded, where it is not everything.
    """

    def __init__(
        self, mirror: Mirror, *, require: Callable[[], None] = lambda: None, only: str = ""
    ) -> None:
        self._mirror = mirror
        self._require = require
        self._only = only
        self._uploaded_mark: str | None = None
        self._copied_at: object = None
        self._told: dict[str, float] = {}
        self.bytes = 0
        self.objects = 0
        self.seconds = 0.0

    def run(self, *, final: bool = False) -> None:
        """Upload what changed since the last time.

        Args:
            final: Logs that grow too, however short ago they were uploaded.

        Raises:
            StorageError: If the store or the disk fails, or the mirror was removed.
            StudyError: If another command has taken the study.
        """
        began = time.monotonic()
        known = self._mirror.manifest.entries()
        folder = self._mirror.folder
        if not (folder / RECORD).exists():
            if RECORD in known:
                raise StorageError(
                    f"{folder}: this copy of {self._mirror.store.url}/{self._mirror.study} was "
                    f"removed while it was in use; nothing was removed from the store. Give the "
                    f"same command again."
                )
            return  # not begun yet
        try:
            with tempfile.TemporaryDirectory(prefix="upload-", dir=self._mirror.state) as place:
                self._run(Path(place), known, final=final)
        except OSError as error:
            raise storage_error(folder, error) from error
        self.seconds += time.monotonic() - began

    def clear_staged(self) -> None:
        """Remove what workers left; all of it has been copied to its place, or is outdated."""
        folder = f"{self._mirror.study}/{FOLDER}"
        self._mirror.store.remove(f"{folder}/{path}" for path in self._mirror.store.list(folder))

    def _run(self, place: Path, known: dict[str, Entry], *, final: bool) -> None:
        # Looked at in this order: a trial has its configuration once the database has all of the
        # trial, and its outcome before the database knows of it.
        begun = {path.parent.name for path in self._mirror.folder.glob("trials/*/config.yaml")}
        copy = None if self._only else self._copy_database(place)
        found = scan(self._mirror.folder)
        changed = self._choose(found, known, begun, final=final)
        files = self._freeze(place, changed)
        for rank in (_FIRST, _STUDY):
            self._put(file for file in files if _rank(file.path) == rank)
        if copy is not None and any(_begins_trial(path) and path not in known for path in changed):
            copy = self._put_begun(place, copy)
        for rank in (_FILES, _NETWORKS, _CHECKPOINT, _OUTCOME):
            self._put(file for file in files if _rank(file.path) == rank)
        if copy is not None:
            self._put_database(copy)
        gone = [path for path in known if path not in found and path != database.FILE]
        self._remove(path for path in gone if path.startswith(self._only))

    def _choose(
        self, found: Found, known: dict[str, Entry], begun: set[str], *, final: bool
    ) -> list[str]:
        """Return what to upload of what changed."""
        changed = [
            path
            for path, (size, mtime_ns) in found.items()
            if path.startswith(self._only)
            and not _is_same(known.get(path), size, mtime_ns)
            and not (_trial(path) and _trial(path) not in begun)
        ]
        milestones = {_parent(path) for path in changed if _rank(path) >= _CHECKPOINT}
        now = time.monotonic()
        return [
            path
            for path in changed
            if final
            or not _grows(path)
            or _parent(path) in milestones
            or now - self._told.get(path, 0.0) > GROWING_SECONDS
        ]

    def _freeze(self, place: Path, paths: Iterable[str]) -> list[_File]:
        """Hold on to the files as they are now, what is uploaded last first.

        Files that are replaced whole are linked: what is uploaded is what stood there now, and
        whatever is uploaded before it is at least as new.
        """
        files = []
        for number, path in enumerate(sorted(paths, key=_rank, reverse=True)):
            source = self._mirror.folder / path
            content = source
            try:
                if not _grows(path):
                    content = place / f"{number}{source.suffix}"
                    _link(source, content)
                found = content.stat()
            except FileNotFoundError:  # replaced or removed at this moment: the next time
                continue
            files.append(_File(path, content, found.st_size, found.st_mtime_ns))
        return files

    def _put(self, files: Iterable[_File]) -> None:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for written in pool.map(self._put_file, list(files)):
                self.bytes += written
                self.objects += 1

    def _put_file(self, file: _File) -> int:
        content = file.content.read_bytes()
        self._require()
        store, study = self._mirror.store, self._mirror.study
        sent, stored = 0, None
        if len(content) >= LARGE_BYTES:  # maybe the worker has brought it there
            left = f"{study}/{staged(content)}"
            stored = store.copy(left, f"{study}/{file.path}")
            if stored is not None:
                store.remove([left])
        if stored is None:
            sent, stored = len(content), store.write(f"{study}/{file.path}", content)
        self._mirror.note(file.path, file.size, file.mtime_ns, stored)
        self._told[file.path] = time.monotonic()
        return sent

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._require()
            self._mirror.store.remove([f"{self._mirror.study}/{path}"])
            self._mirror.manifest.forget([path])

    # The database

    def _copy_database(self, place: Path) -> Path | None:
        """Return a copy of the database if it holds something new."""
        file = self._mirror.folder / database.FILE
        at = [
            (found.st_size, found.st_mtime_ns)
            for each in (file, file.with_name(file.name + "-wal"))
            if each.exists() and (found := each.stat())
        ]
        if not file.exists() or at == self._copied_at:
            return None
        copy = place / database.FILE
        database.copy_database(file, copy)
        if database.content_mark(copy) == self._uploaded_mark:
            self._copied_at = at
            return None
        return copy

    def _put_begun(self, place: Path, copy: Path) -> Path | None:
        """Upload the database as if no trial had ended since; return it if that is not all."""
        ended = database.ended_trials(copy) - self._mirror.ended_there()
        if not ended:
            self._put_database(copy)
            return None
        before = place / f"begun-{database.FILE}"
        shutil.copyfile(copy, before)
        database.reopen_trials(before, ended)
        self._put([_File(database.FILE, before, 0, 0)])
        return copy

    def _put_database(self, copy: Path) -> None:
        self._put([_File(database.FILE, copy, 0, 0)])
        self._mirror.note_ended(database.ended_trials(copy))
        self._uploaded_mark = database.content_mark(copy)


def _rank(path: str) -> int:
    """Return when a file's turn is; each rank relies on the ones before it."""
    name = PurePosixPath(path).name
    if path.startswith(FOUNDATION):
        return _FIRST
    if path == RECORD:
        return _STUDY
    if name in _LAST:
        return _OUTCOME
    if name == CHECKPOINT:
        return _CHECKPOINT
    return _NETWORKS if name.endswith(".keras") else _FILES


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _grows(path: str) -> bool:
    """Return whether a file is appended to instead of replaced."""
    return path.startswith("wandb/") or path.endswith((".jsonl", ".log"))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _trial(path: str) -> str:
    """Return the name of the trial whose folder a file lies in, or nothing."""
    parts = path.split("/")
    return parts[1] if parts[0] == "trials" and len(parts) > 2 else ""


def _begins_trial(path: str) -> bool:
    return bool(_trial(path)) and path.endswith("/config.yaml")


def _is_same(entry: Entry | None, size: int, mtime_ns: int) -> bool:
    return entry is not None and (entry.size, entry.mtime_ns) == (size, mtime_ns)
