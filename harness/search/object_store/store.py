"""Read and write the objects beneath a URL, whole, and with patience for a bad network."""

import contextlib
import dataclasses
import datetime
import functools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from harness.core.errors import StorageError
from harness.search.object_store.clients import open_client

Result = TypeVar("Result")

PATIENCE_SECONDS = 90.0
"""How long a network that is gone is waited for, once the store has answered before."""

_FIRST_PATIENCE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_SLOWEST_WRITE = 20_000  # bytes a second; a few files share a network
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
# What no second attempt mends; each library has errors of its own, so most go by their names.
_FINAL = (PermissionError, FileNotFoundError, FileExistsError, IsADirectoryError)
_FINAL_NAMES = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
_INVALID = 22  # what s3fs makes of requests that the store finds wrong, e.g. a bucket's name


@dataclasses.dataclass(frozen=True)
class Stored:
    """Tell an object from what may replace it.

    Args:
        size: Its bytes.
        stamp: Changes whenever the object is written with other content.
    """

    size: int
    stamp: str


class ObjectStore:
    """Read and write objects by their paths below a URL.

    A single object is seen whole or not at all where the store promises so, as those with S3's
    interface and Google's do. Credentials come from where the store's library looks for them: the
    environment or a profile. Another server than Amazon's is named by `AWS_ENDPOINT_URL`.

    Args:
        url: Such as `s3://bucket/folder`.
        patience_seconds: How long to try again before giving up.

    Raises:
        ConfigError: If nothing can read such a URL.
        MissingExtraError: If the package that could is not installed.
    """

    def __init__(self, url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.url = url.rstrip("/")
        self._patience_seconds = patience_seconds
        self._has_answered = False
        self._timeout_seconds = min(max(patience_seconds / 3, 2.0), 20.0)
        self._files = open_client(url, timeout_seconds=self._timeout_seconds)
        self._root = str(self._files._strip_protocol(url)).rstrip("/")

    def folders(self) -> list[str]:
        """Return the names of the folders directly below the URL."""

        def look() -> list[str]:
            try:
                found = self._files.ls(self._root, detail=True)
            except FileNotFoundError:
                self._files.find(self._root)  # raises where there is no bucket
                return []
            return [each["name"] for each in found if each["type"] == "directory"]

        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in self._try("list", look))

    def list(self, folder: str) -> dict[str, Stored]:
        """Return what lies below a folder, by paths relative to it; nothing where there is none.

        Raises:
            StorageError: If the bucket does not exist, nobody may look, or the network is gone.
        """
        root = f"{self._root}/{folder}"
        found = self._try(f"list {folder}", lambda: self._files.find(root, detail=True))
        return {
            name[len(root) + 1 :]: _stored(info)
            for name, info in found.items()
            if name.startswith(f"{root}/") and not name.endswith("/")
        }

    def read(self, path: str) -> bytes | None:
        """Return an object's content; None if there is none."""

        def read() -> bytes | None:
            try:
                return bytes(self._files.cat_file(f"{self._root}/{path}"))
            except FileNotFoundError:
                return None

        return self._try(f"read {path}", read)

    def fetch(self, path: str, target: Path) -> bool:
        """Write an object's content to a file; return False if there is no such object."""

        def fetch() -> bool:
            try:
                self._files.get_file(f"{self._root}/{path}", str(target))
            except FileNotFoundError:
                return False
            return True

        return self._try(f"read {path}", fetch)

    def write(self, path: str, content: bytes) -> Stored:
        """Write an object in one piece; return what the store says of it."""
        name = f"{self._root}/{path}"

        def write() -> Stored:
            self._files.pipe_file(name, content, **self._limit(content))
            return _stored(self._files.info(name))

        return self._try(f"write {path}", write)

    def copy(self, path: str, target: str) -> Stored | None:
        """Let the store copy an object; return what it says of the copy, None if there is none."""
        name = f"{self._root}/{target}"

        def copy() -> Stored | None:
            try:
                self._files.cp_file(f"{self._root}/{path}", name)
            except FileNotFoundError:
                return None
            return _stored(self._files.info(name))

        return self._try(f"write {target}", copy)

    def create(self, path: str, content: bytes) -> bool:
        """Write an object unless there is one; return whether this call made it.

        Of several that try at once one succeeds, where the store knows conditional writes
        (`If-None-Match`); an older store may let all of them believe so.
        """

        def create() -> bool:
            try:
                limit = self._limit(content)
                self._files.pipe_file(f"{self._root}/{path}", content, mode="create", **limit)
            except Exception as error:  # each library says "there is one" in its own way
                if _says_it_exists(error):
                    # A lost answer to our own attempt looks the same as somebody else's object.
                    return self.read(path) == content
                raise
            return True

        return self._try(f"write {path}", create)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects; those that are not there are gone already."""
        for path in paths:
            self._try(f"remove {path}", functools.partial(self._remove, path))

    def age_seconds(self, path: str, *, now: str) -> float | None:
        """Return how much older one object is than another, by the store's own clock.

        Args:
            path: The object; None is returned where there is none.
            now: An object that was just written.
        """

        def age() -> float | None:
            try:
                written = self._modified(path)
            except FileNotFoundError:
                return None
            return (self._modified(now) - written).total_seconds()

        return self._try(f"read {path}", age)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{path}")

    def _modified(self, path: str) -> datetime.datetime:
        found: datetime.datetime = self._files.modified(f"{self._root}/{path}")
        return found

    def _limit(self, content: bytes) -> dict[str, float]:
        """Return how long a write may take; where the store's library asks for no more, nothing.

        The limits of HTTP clients are for answers: a connection that takes no more of what is
        sent would hold them for ever.
        """
        if not getattr(self._files, "async_impl", False):
            return {}
        return {"timeout": self._timeout_seconds + len(content) / _SLOWEST_WRITE}

    def _try(self, what: str, call: Callable[[], Result]) -> Result:
        """Call, again and again while the network is gone, and turn errors into one message."""
        patience = self._patience_seconds if self._has_answered else _FIRST_PATIENCE_SECONDS
        deadline = time.monotonic() + min(patience, self._patience_seconds)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = call()
            except StorageError:
                raise
            except Exception as error:  # as many kinds as there are libraries for stores
                if _is_final(error) or time.monotonic() + pause > deadline:
                    raise self._refusal(what, error) from error
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._has_answered = True
                return result

    def _refusal(self, what: str, error: Exception) -> StorageError:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        cause = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).rstrip(".")
        if isinstance(error, FileNotFoundError):
            remedy = "Create the bucket, or choose another --studies-dir."
        elif isinstance(error, PermissionError) or type(error).__name__ in _FINAL_NAMES:
            remedy = (
                "Credentials come from the environment or a profile as the store's own tools "
                "have them, e.g. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; "
                "they need to list, read, write and remove objects there."
            )
        elif _is_malformed(error):
            remedy = "Correct the bucket's name in --studies-dir, or AWS_ENDPOINT_URL."
        else:
            remedy = (
                "See that the network is up and the store runs; a server that is not Amazon's is "
                "named by AWS_ENDPOINT_URL. Then give the same command again."
            )
        return StorageError(f"{self.url}: could not {what}: {cause}. {remedy}")


def _stored(info: dict[str, Any]) -> Stored:
    size = int(info.get("size") or 0)
    for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created"):
        if info.get(key) is not None:
            return Stored(size, f"{size} {info[key]}")
    return Stored(size, str(size))


def _is_final(error: Exception) -> bool:
    if isinstance(error, _FINAL) or type(error).__name__ in _FINAL_NAMES:
        return True
    return _is_malformed(error) or (isinstance(error, OSError) and error.errno == _INVALID)


def _is_malformed(error: Exception) -> bool:
    """Return whether the store's library finds what it was told wrong, before it asks anybody."""
    return type(error) is ValueError or type(error).__name__ == "ParamValidationError"


def _says_it_exists(error: BaseException | None) -> bool:
    while error is not None:
        response = getattr(error, "response", None)
        code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        if isinstance(error, FileExistsError) or code in _CONDITION_FAILED:
            return True
        error = error.__cause__
    return False
