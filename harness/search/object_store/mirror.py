"""Keep a copy of a study on this machine, so that the rest of the package works on plain files."""

import concurrent.futures
import datetime
import os
import stat
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import StorageError, StudyError
from harness.core.files import storage_error
from harness.core.locks import LOCK_FILE
from harness.search.object_store import database, lease
from harness.search.object_store.manifest import MANIFEST, STATE_FOLDER, Entry, Manifest
from harness.search.object_store.store import ObjectStore, Stored

AT_ONCE = 8
"""How many objects travel at the same time."""

RECORD = "study.json"
"""A study exists where this does."""

FOUNDATION = ("search_space.yaml", "functions/")
"""What a study has before it exists."""

_NETWORKS = (".npz", ".keras")
_ASIDE_FOLDER = ".set-aside"
_ENDED = "ended"
# An object is replaced whole, so the store needs no second checkpoint for when one is damaged.
_HERE_ALONE = (LOCK_FILE, database.FILE)
_HERE_ALONE_ENDINGS = (*database.BESIDE, ".previous.npz")


class Mirror:
    """Hold the copy of one study and what is remembered of it.

    Args:
        store: Where the study lies.
        root: The mirror of the store: what stands for the folder of all studies.
        study: The study's name.
    """

    def __init__(self, store: ObjectStore, root: Path, study: str) -> None:
        self.store = store
        self.study = study
        self.folder = root / study
        self.state = root / STATE_FOLDER / study
        self._aside = root / _ASIDE_FOLDER
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.state, error) from error
        self.manifest = Manifest(self.state / MANIFEST)

    def close(self) -> None:
        """Close what it remembers by."""
        self.manifest.close()

    def pull(self, *, keeps_own: bool, facts_alone: bool = False) -> bool:
        """Bring the copy up to the store; return whether the store has the study.

        Args:
            keeps_own: Files that were changed here since the last upload stay, because nobody
                else has had the study since. Otherwise what the store has counts.
            facts_alone: Leave networks and checkpoints there.

        Raises:
            StorageError: If the store or the disk fails.
            StudyError: If something else than a study lies there.
        """
        there = {
            path: stored
            for path, stored in self.store.list(self.study).items()
            if not path.startswith(".")  # not the study's: who holds it, what is on its way
        }
        self._refuse_strangers(there)
        known = self.manifest.entries()
        here = scan(self.folder)
        if RECORD in known and RECORD not in here:  # somebody removed the copy: nothing is here
            self.forget()
            known, keeps_own = {}, False
        if RECORD in known and RECORD in here and RECORD not in there:  # removed there
            self._set_aside("is no more")
            here, known = {}, {}
        if not keeps_own and self._has_unknown(here, known):
            self._set_aside(
                "went on elsewhere, or was removed, since a command here ended before it had "
                "uploaded everything"
            )
            here, known = {}, {}
        wanted = [
            path
            for path, stored in there.items()
            if not (facts_alone and path.endswith(_NETWORKS))
            and self._wants(path, stored, here, known, keeps_own)
        ]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda path: self._fetch(path, there[path]), wanted):
                pass
        self._remove_gone([path for path in known if path not in there], here, known, keeps_own)
        return RECORD in there

    def note(self, path: str, size: int, mtime_ns: int, stored: Stored) -> None:
        """Remember that a file is the same here and in the store."""
        self.manifest.note(path, Entry(size, mtime_ns, stored.stamp))

    def ended_there(self) -> set[int]:
        """Return the trials that have ended in the store's copy of the database."""
        said = self.manifest.word(_ENDED) or ""
        return {int(number) for number in said.split()}

    def note_ended(self, numbers: set[int]) -> None:
        """Remember which trials have ended in the store's copy of the database."""
        self.manifest.say(_ENDED, " ".join(map(str, sorted(numbers))))

    def forget(self) -> None:
        """Forget all files, as of a study that is no more."""
        self.manifest.forget(self.manifest.entries())
        self.manifest.say(_ENDED, None)

    def _fetch(self, path: str, stored: Stored) -> None:
        target = self.folder / path
        if ".." in Path(path).parts or not target.is_relative_to(self.folder):
            raise StorageError(
                f"{self.store.url}/{self.study}/{path}: leads out of the study's folder. Remove "
                f"that object: this package did not write it."
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=target.parent)
            os.close(handle)
            temporary = Path(name)
            try:
                if not self.store.fetch(f"{self.study}/{path}", temporary):
                    return  # removed at this moment
                temporary.chmod(0o644)
                if path == database.FILE:
                    self.note_ended(database.ended_trials(temporary))
                    database.remove_database(target)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            found = target.stat()
        except OSError as error:
            raise storage_error(target, error) from error
        self.note(path, found.st_size, found.st_mtime_ns, stored)

    def _refuse_strangers(self, there: dict[str, Stored]) -> None:
        others = sorted(path for path in there if not path.startswith(FOUNDATION))
        if others and RECORD not in there:
            raise StudyError(
                f"{self.store.url}/{self.study}: is no study but holds {', '.join(others[:5])}, "
                f"which is left alone. Choose another --study or --studies-dir."
            )

    def _has_unknown(self, here: "Found", known: dict[str, Entry]) -> bool:
        """Return whether there is work here that never reached the store."""
        if known and self.manifest.word(lease.FOLDER) is None:
            return False  # what only looks at studies has nothing to lose
        return any(not _is_same(here[path], known.get(path)) for path in here)

    def _wants(
        self, path: str, stored: Stored, here: "Found", known: dict[str, Entry], keeps_own: bool
    ) -> bool:
        """Return whether to bring an object here."""
        is_new = path not in known or stored.stamp != known[path].stamp
        if path == database.FILE:  # opening it may touch it, which says nothing
            is_here = (self.folder / path).exists()
            return not is_here or (is_new and not keeps_own)
        if keeps_own and path not in here and path.endswith(_NETWORKS):
            return is_new  # else it was removed here, and will be there
        if keeps_own and self._is_own(path, here, known):
            return False
        return is_new or path not in here or self._is_own(path, here, known)

    def _is_own(self, path: str, here: "Found", known: dict[str, Entry]) -> bool:
        """Return whether a file was changed here since the store had the same."""
        if path == database.FILE:
            return (self.folder / path).exists()
        return path in here and not _is_same(here[path], known.get(path))

    def _remove_gone(
        self, gone: list[str], here: "Found", known: dict[str, Entry], keeps_own: bool
    ) -> None:
        for path in gone:
            if keeps_own and self._is_own(path, here, known):
                continue
            if path == database.FILE:
                database.remove_database(self.folder / path)
            (self.folder / path).unlink(missing_ok=True)
        self.manifest.forget(gone)

    def _set_aside(self, reason: str) -> None:
        """Keep what is here out of the way: it may be the last copy there is."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
        target = self._aside / f"{self.study}-{now}"
        self._aside.mkdir(parents=True, exist_ok=True)
        self.folder.rename(target)
        self.forget()
        warnings.warn(
            f"{self.store.url}/{self.study}: {reason}. What this machine had of it is kept in "
            f"{target}.",
            stacklevel=2,
        )


Found = dict[str, tuple[int, int]]
"""Sizes and times of last writing (nanoseconds) by path relative to the study's folder."""


def scan(folder: Path) -> Found:
    """Return the files of a study that belong in the store, without its database."""
    return {
        path: (found.st_size, found.st_mtime_ns)
        for path, found in _walk(folder, "")
        if path not in _HERE_ALONE
    }


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for each in entries:
        if each.name.startswith(".") or each.name.endswith(_HERE_ALONE_ENDINGS):
            continue
        try:
            found = each.stat(follow_symlinks=False)
        except FileNotFoundError:  # replaced or removed at this moment
            continue
        if stat.S_ISDIR(found.st_mode):
            yield from _walk(Path(each.path), f"{prefix}{each.name}/")
        elif stat.S_ISREG(found.st_mode) and each.name != LOCK_FILE:
            yield f"{prefix}{each.name}", found


def _is_same(found: tuple[int, int], entry: Entry | None) -> bool:
    return entry is not None and found == (entry.size, entry.mtime_ns)
