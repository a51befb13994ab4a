"""Mirror studies of an object store for as long as a command needs them."""

import contextlib
import hashlib
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from harness.core.errors import ConfigError, HarnessError, StorageError, StudyError
from harness.core.files import write_bytes, write_text
from harness.core.locks import is_locked, lock_folder
from harness.metrics.cache import default_cache_dir
from harness.search.object_store import lease
from harness.search.object_store.lease import Lease, last_session
from harness.search.object_store.manifest import STATE_FOLDER, URL_FILE
from harness.search.object_store.mirror import Mirror
from harness.search.object_store.mode import Mode
from harness.search.object_store.store import PATIENCE_SECONDS, ObjectStore
from harness.search.object_store.upload import Upload
from harness.study.record import check_study_name

_LOOK_SECONDS = 2.0
_LARGEST_SHARE = 0.05  # of one core, for looking what changed
_PULL_SECONDS = 600.0
_PATIENCE_SHARE = 0.6  # of a lease: a holder gives up before others may take the study
_SESSIONS = lease.FOLDER
_WRITES_HERE = (
    "a command on this machine is writing this study. Wait for it, stop it, or choose another "
    "--study."
)


@contextlib.contextmanager
def mirrored(
    url: str, names: Sequence[str], *, mode: Mode, lease_seconds: float
) -> Iterator[Path]:
    """Give the mirror of a store to the end of the block; see `studies_at`."""
    patience = min(PATIENCE_SECONDS, _PATIENCE_SHARE * lease_seconds)
    store = ObjectStore(url, patience_seconds=patience)
    root = mirror_folder(store.url)
    if mode == "all":
        names = [name for name in store.folders() if _is_study(store, name)]
    with contextlib.ExitStack() as stack:
        for name in map(check_study_name, names):
            mirror = stack.enter_context(contextlib.closing(Mirror(store, root, name)))
            if mode in ("write", "remove"):
                stack.enter_context(_writing(mirror, lease_seconds, removes=mode == "remove"))
            else:
                _read(mirror, facts_alone=mode in ("look", "all"))
                if mode == "add":
                    stack.enter_context(_adding(mirror))
        try:
            yield root
        except (ConfigError, StudyError) as error:
            # The mirror's path would mean nothing to who gave a URL.
            error.args = (str(error).replace(str(root), store.url),)
            raise


def mirror_folder(url: str) -> Path:
    """Return where the mirror of a store lies."""
    server = [os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")]
    key = hashlib.sha256("\n".join([url, *server]).encode()).hexdigest()[:16]
    root = default_cache_dir() / "object_stores" / key
    if not (root / STATE_FOLDER / URL_FILE).exists():
        write_text(root / STATE_FOLDER / URL_FILE, f"{url}\n")
    return root


def _read(mirror: Mirror, *, facts_alone: bool) -> None:
    """Bring a study here, unless a command of this machine writes it: then it is newest here."""
    with _pulling(mirror):
        if is_locked(mirror.state):
            return
        sessions = _own_sessions(mirror)
        last = last_session(mirror.store, mirror.study) if sessions else None
        if not mirror.pull(keeps_own=last in sessions, facts_alone=facts_alone):
            _name_others(mirror)


@contextlib.contextmanager
def _adding(mirror: Mirror) -> Iterator[None]:
    yield
    upload = Upload(mirror, only="export/")
    upload.run(final=True)
    _tell(mirror, upload)


@contextlib.contextmanager
def _writing(mirror: Mirror, lease_seconds: float, *, removes: bool) -> Iterator[None]:
    """Have a study alone, and upload what changes, to the end of the block."""
    held = Lease(mirror.store, mirror.study, seconds=lease_seconds)
    with contextlib.closing(_lock_here(mirror)):
        sessions = _own_sessions(mirror)
        # Noted first: whatever is cut off after this finds its own name in the store.
        mirror.manifest.say(_SESSIONS, json.dumps([*sessions, held.session]))
        try:
            # Whoever had it with this mirror is over, as the mirror is locked by this command.
            before = held.take(ended=sessions)
        except HarnessError:
            mirror.manifest.say(_SESSIONS, json.dumps(sessions) if sessions else None)
            raise
        upload = Upload(mirror, require=held.require)
        work = _Background(held, None if removes else upload)
        try:
            with _pulling(mirror):
                mirror.pull(keeps_own=before in sessions)
            upload.clear_staged()  # by workers of a command that was killed
            work.start()
            yield
        except HarnessError as error:
            # Two messages would hide the one that matters.
            failure = _close(mirror, held, upload, work, removes=removes)
            if failure is not None and error is not work.error:
                warnings.warn(str(failure), stacklevel=2)
            raise
        except BaseException:
            failure = _close(mirror, held, upload, work, removes=removes)
            if failure is not None:
                raise failure from failure.__cause__
            raise
        failure = _close(mirror, held, upload, work, removes=removes)
        if failure is not None:
            raise failure


def _close(
    mirror: Mirror, held: Lease, upload: Upload, work: "_Background", *, removes: bool
) -> HarnessError | None:
    """Upload the rest and give the study back; return what went wrong."""
    work.stop()
    try:
        if work.error is not None:
            raise work.error
        if removes:
            _remove_gone(mirror, held)
        else:
            upload.run(final=True)
            upload.clear_staged()
        held.release(forgets=not _is_study(mirror.store, mirror.study))
    except StudyError as error:
        return error
    except HarnessError as error:
        failure = StorageError(
            f"{error} Nothing is lost: what is not uploaded yet lies in {mirror.folder}, and the "
            f"same command on this machine uploads it."
        )
        failure.__cause__ = error
        return failure
    mirror.manifest.say(_SESSIONS, None)
    if not removes:
        _tell(mirror, upload)
    return None


def _remove_gone(mirror: Mirror, held: Lease) -> None:
    """Remove a study from the store that was removed here."""
    if mirror.folder.exists():
        return
    held.require()
    there = mirror.store.list(mirror.study)
    # Its record first: without that it is no study any more, whenever this is cut off.
    order = sorted(there, key=lambda path: (path != "study.json", path.startswith(lease.FOLDER)))
    mirror.store.remove(f"{mirror.study}/{path}" for path in order)
    mirror.forget()


def _tell(mirror: Mirror, upload: Upload) -> None:
    if not upload.objects:
        return
    print(
        f"{mirror.store.url}/{mirror.study}: uploaded {upload.bytes / 1e6:.1f} MB in "
        f"{upload.objects} objects, {upload.seconds:.1f} s beside the work",
        file=sys.stderr,
    )


class _Background:
    """Renew the lease and upload what changed, beside the work; stop the work if that fails.

    Args:
        held: The lease.
        upload: Uploads; None for nothing to upload.
    """

    def __init__(self, held: Lease, upload: Upload | None) -> None:
        self.error: HarnessError | None = None
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._renew, args=(held,), daemon=True)]
        if upload is not None:
            self._threads.append(
                threading.Thread(target=self._upload, args=(upload,), daemon=True)
            )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _renew(self, held: Lease) -> None:
        while not self._over.wait(held.renewal_seconds):
            self._attempt(held.renew)

    def _upload(self, upload: Upload) -> None:
        pause = _LOOK_SECONDS
        while not self._over.wait(pause):
            began = time.thread_time()
            self._attempt(upload.run)
            pause = max(_LOOK_SECONDS, (time.thread_time() - began) / _LARGEST_SHARE)

    def _attempt(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # a thread's own traceback would reach nobody
            if self._over.is_set():
                return  # the last upload finds the same, or mends it
            self._over.set()
            known = error if isinstance(error, HarnessError) else None
            self.error = known or StorageError(f"The upload failed: {error!r}.")
            # As Ctrl-C does: a sweep saves its checkpoints and ends in good order.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _is_study(store: ObjectStore, name: str) -> bool:
    with contextlib.suppress(StudyError):
        return store.read(f"{check_study_name(name)}/study.json") is not None
    return False


def _own_sessions(mirror: Mirror) -> list[str]:
    """Return under which names commands here had the study since all of it was uploaded."""
    return list(json.loads(mirror.manifest.word(_SESSIONS) or "[]"))


def _lock_here(mirror: Mirror) -> IO[str]:
    """Take a study from other commands of this machine, which share its mirror."""
    deadline = time.monotonic() + 2
    while True:
        try:
            return lock_folder(mirror.state, _WRITES_HERE)
        except StudyError as error:  # maybe only somebody who looked whether it is taken
            if time.monotonic() > deadline:
                raise StudyError(f"{mirror.store.url}/{mirror.study}: {_WRITES_HERE}") from error
            time.sleep(0.1)


@contextlib.contextmanager
def _pulling(mirror: Mirror) -> Iterator[None]:
    """Let one command at a time bring a study here."""
    deadline = time.monotonic() + _PULL_SECONDS
    while True:
        try:
            lock = lock_folder(mirror.state / "pull", "another command brings it from the store.")
            break
        except StudyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    with contextlib.closing(lock):
        yield


def _name_others(mirror: Mirror) -> None:
    """Bring the records of all studies here, so that a message can name them."""
    for name in mirror.store.folders():
        record = mirror.folder.parent / name / "study.json"
        if name != mirror.study and not record.exists() and _is_study(mirror.store, name):
            write_bytes(record, mirror.store.read(f"{name}/study.json") or b"")
