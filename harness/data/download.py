"""Download data files through Keras, checked before they are kept."""

import contextlib
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import DataError
from harness.data.readers.idx import read_idx

SOCKET_SECONDS = 10.0
PROBE_SECONDS = 15.0  # a resolver without a network can outlast every socket time-out


def download_files(digests: Mapping[str, str], origin: str, *, target: Path) -> None:
    """Fetch idx files with `keras.utils.get_file` and move each into place once it is sound.

    Keras writes straight to the final name; here a file is moved there complete and checked, so
    neither an interrupted download nor a second process can meet half of one.

    Args:
        digests: SHA-256 of the decompressed bytes by file name.
        origin: Address that the file names are appended to.
        target: Folder to fill; it is made if need be.

    Raises:
        DataError: Says why: no network, a refused or broken answer, a folder that takes no files.
    """
    if not digests:
        return
    fault = probe(origin + next(iter(digests)))
    if fault is not None:
        raise DataError(f"{origin} did not answer: {fault}")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".download-") as folder:
            for name, digest in digests.items():
                path = _get_file(name, origin + name, Path(folder))
                read_idx(path, sha256=digest, remedy=f"Is {origin} what it should be?")
                path.replace(target / name)
    except OSError as error:
        raise DataError(f"{target} takes no files: {error.strerror or error}.") from error


def _get_file(name: str, address: str, folder: Path) -> Path:
    try:
        with quiet_keras() as keras:
            return Path(keras.utils.get_file(name, address, cache_dir=folder, cache_subdir=""))
    except Exception as error:  # Keras raises bare Exception for every failed address
        raise DataError(f"{name}: {error}.") from error


def probe(address: str) -> str | None:
    """Return what is wrong with the way to an address, or None, within PROBE_SECONDS.

    Without this a machine with no network waits for importing Keras, and for as long as its
    resolver likes. Asked through urllib, as Keras does, so that proxies count.
    """
    faults: list[str] = [f"nothing heard in {PROBE_SECONDS:.0f} s."]

    def ask() -> None:
        request = urllib.request.Request(address, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=SOCKET_SECONDS):
                faults.clear()
        except (OSError, ValueError) as error:
            faults[:] = [f"{getattr(error, 'reason', error)}."]

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return faults[0] if faults else None


@contextlib.contextmanager
def quiet_keras() -> Iterator[Any]:
    """Yield Keras to download with: every new socket has a time-out, and stdout stays empty."""
    # Imported here: everything else about data works in a fraction of the time this takes.
    import keras

    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SOCKET_SECONDS)
    try:
        # Keras reports progress on stdout, where a command's own result belongs.
        with contextlib.redirect_stdout(sys.stderr):
            yield keras
    finally:
        socket.setdefaulttimeout(previous)
