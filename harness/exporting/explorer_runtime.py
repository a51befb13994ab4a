"""Get ONNX Runtime Web, which runs a generator in a browser: `npm` fetches it, a cache keeps it.

`python -m harness.exporting.explorer_runtime` fetches it ahead of an export without a network.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from harness.core.errors import HarnessError, MissingExtraError, StorageError
from harness.core.files import storage_error, write_bytes
from harness.exporting.bundle_folder import has_content
from harness.metrics.cache import default_cache_dir

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
TARBALL_VARIABLE = "HARNESS_ONNXRUNTIME_WEB"
INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02V"
    "b7QmRMDs1SigqR4CXAfKYQ=="
)
"""Hash of the package's tarball, in the form that npm publishes."""
FILES: Mapping[str, str] = MappingProxyType(
    {
        "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
        "ort-wasm-simd-threaded.mjs": (
            "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
        ),
        "ort-wasm-simd-threaded.wasm": (
            "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
        ),
    }
)
"""What a page needs of the package, with its SHA-256: WebAssembly on the CPU, no GPU backends."""

_NPM_SECONDS = 300


def find_runtime(cache_dir: Path | None = None) -> Path:
    """Return a folder with the files of `FILES`, each of the content that is expected.

    Looked for in the cache; then in the tarball that HARNESS_ONNXRUNTIME_WEB names; then fetched
    by npm, without running any of the package's scripts.

    Args:
        cache_dir: Where they are kept; None for the user's cache.

    Raises:
        MissingExtraError: If they are nowhere, and npm is missing or cannot fetch them.
        StorageError: If the named tarball is not the expected one, or the cache cannot be written.
    """
    folder = (cache_dir or default_cache_dir()) / f"{PACKAGE}-{VERSION}"
    if all(has_content(folder / name, digest) for name, digest in FILES.items()):
        return folder
    named = os.environ.get(TARBALL_VARIABLE)
    if named:
        unpack(Path(named).expanduser(), folder)
        return folder
    with tempfile.TemporaryDirectory(prefix="npm-") as temporary:
        tarball = _fetch(Path(temporary))
        try:
            unpack(tarball, folder)
        except StorageError as error:
            raise MissingExtraError(f"{error} {_remedy()}") from error
    return folder


def unpack(
    tarball: Path,
    folder: Path,
    *,
    integrity: str = INTEGRITY,
    files: Mapping[str, str] = FILES,
) -> None:
    """Take the needed files out of the package's tarball, and nothing else.

    Members are read by their names in the package and written under ours, so that no name in the
    tarball ever becomes a path.

    Args:
        tarball: What `npm pack` wrote.
        folder: Where to put the files; made if missing.
        integrity: The tarball's hash as npm writes it.
        files: Their names in the package's `dist/`, with their SHA-256.

    Raises:
        StorageError: If the tarball has another content, or a file cannot be read or written.
    """
    try:
        with tarball.open("rb") as file:
            digest = hashlib.file_digest(file, "sha512").digest()
    except OSError as error:
        raise storage_error(tarball, error) from error
    received = f"sha512-{base64.b64encode(digest).decode()}"
    if received != integrity:
        raise StorageError(
            f"{tarball}: expected the tarball of {PACKAGE} {VERSION} with the hash {integrity}; "
            f"received {received}. It was cut short or is another package."
        )
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for name, expected in files.items():
                write_bytes(folder / name, _member(archive, f"package/dist/{name}", expected))
    except (tarfile.TarError, EOFError) as error:
        raise StorageError(f"{tarball}: cannot be read as a tarball: {error}.") from error


def _member(archive: tarfile.TarFile, name: str, expected: str) -> bytes:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    content = file.read() if file else b""
    if hashlib.sha256(content).hexdigest() != expected:
        raise StorageError(
            f"{archive.name!r}: expected {name} with SHA-256 {expected}; it is missing or another."
        )
    return content


def _fetch(folder: Path) -> Path:
    """Let npm write the package's tarball into a folder; return its path."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingExtraError(f"the explorer needs {PACKAGE}, and npm is missing. {_remedy()}")
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel=error"]
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # by default minutes
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_NPM_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingExtraError(f"npm pack failed: {error}. {_remedy()}") from error
    tarball = folder / f"{PACKAGE}-{VERSION}.tgz"
    if done.returncode != 0 or not tarball.is_file():
        said = " ".join(done.stderr.split())[:300]
        raise MissingExtraError(
            f"npm pack {PACKAGE}@{VERSION} ended with exit code {done.returncode} and no tarball: "
            f"{said or 'it said nothing'}. {_remedy()}"
        )
    return tarball


def _remedy() -> str:
    return (
        f"Install Node.js, whose npm fetches it once, or put the path of {PACKAGE}-{VERSION}.tgz "
        f"in {TARBALL_VARIABLE}; then export again."
    )


def main() -> int:
    """Fetch the files, say where they lie, and return the exit code."""
    try:
        print(find_runtime())
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
