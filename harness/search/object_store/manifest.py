"""Remember what of a study was the same in the object store and in its mirror."""

import dataclasses
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

STATE_FOLDER = ".state"
"""Where a mirror keeps what it remembers of its studies, beside them."""

URL_FILE = "url"
"""Says there which store is mirrored."""

MANIFEST = "manifest.db"
"""What a study's own folder there holds."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """Describe one file when mirror and store last agreed on it.

    Args:
        size: Its bytes here.
        mtime_ns: When it was last written here.
        stamp: What the store said of the object.
    """

    size: int
    mtime_ns: int
    stamp: str


class Manifest:
    """Keep the entries of one study's files, by path, and a few words about the study.

    Args:
        file: A file of its own, made if there is none.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._turn = threading.Lock()
        # Losing it to a power cut costs a download.
        self._database = sqlite3.connect(
            file, timeout=60, isolation_level=None, check_same_thread=False
        )
        self._database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, "
            "mtime_ns INTEGER, stamp TEXT);"
            "CREATE TABLE IF NOT EXISTS words (name TEXT PRIMARY KEY, said TEXT);"
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def entries(self) -> dict[str, Entry]:
        """Return all entries by path."""
        with self._turn:
            rows = self._database.execute("SELECT path, size, mtime_ns, stamp FROM files")
            return {path: Entry(*rest) for path, *rest in rows}

    def note(self, path: str, entry: Entry) -> None:
        """Write down a file on which mirror and store agree."""
        with self._turn:
            self._database.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                (path, entry.size, entry.mtime_ns, entry.stamp),
            )

    def forget(self, paths: Iterable[str]) -> None:
        """Strike files out that are no more."""
        with self._turn:
            self._database.executemany(
                "DELETE FROM files WHERE path = ?", [(path,) for path in paths]
            )

    def word(self, name: str) -> str | None:
        """Return what was said about the study under a name."""
        with self._turn:
            row = self._database.execute(
                "SELECT said FROM words WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else str(row[0])

    def say(self, name: str, said: str | None) -> None:
        """Remember something about the study, or forget it."""
        with self._turn:
            if said is None:
                self._database.execute("DELETE FROM words WHERE name = ?", (name,))
            else:
                self._database.execute("INSERT OR REPLACE INTO words VALUES (?, ?)", (name, said))
