"""A bundle's files, to be served to this machine's browser."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

from harness.core.errors import ConfigError
from harness.exporting.bundle_folder import CHECKSUMS, damaged_files
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.formats import DESCRIPTION, FORMATS

FOLDER = "explorer"
"""What the page needs beside itself and the generator."""
DIRECTIONS = "directions.json"
PARTS = ("explorer.js", "explorer.css", "ONNXRUNTIME_LICENSE.txt")

_SHOWN = 3


def check_explorable(bundle: Path) -> None:
    """Refuse a folder whose page would not work.

    Args:
        bundle: The folder of a bundle.

    Raises:
        ConfigError: If it lacks a file, or holds one that is another than was exported.
    """
    runtime = [f"{FOLDER}/{name}" for name in RUNTIME_FILES]
    parts = [f"{FOLDER}/{name}" for name in (DIRECTIONS, *PARTS)]
    needed = [PAGE, FORMATS["onnx"].file, DESCRIPTION, CHECKSUMS, *parts]
    missing = [name for name in needed if not (bundle / name).is_file()]
    if missing:
        raise ConfigError(
            f"{bundle}: expected the folder of an exported bundle with an explorer; received "
            f"{f'one without {_some(missing)}' if bundle.is_dir() else 'no folder'}. Make one by "
            f"`gansweep export --study NAME --formats keras,onnx`, which takes the "
            f"browser's runtime from npm."
        )
    if any(not (bundle / name).is_file() for name in runtime):
        raise ConfigError(
            f"{bundle}: the browser's runtime is missing ({_some(runtime)}), as in what W&B "
            f'keeps. Add it by `cp "$(python -m harness.exporting.explorer_runtime)"/* '
            f"{bundle / FOLDER}/`."
        )
    damaged = damaged_files(bundle)
    if damaged:
        raise ConfigError(
            f"{bundle}: expected the files that {CHECKSUMS} lists; received others or none for "
            f"{_some(damaged)}. Restore them from a copy, or export again."
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


PAGE = "explorer.html"
SPACE_PAGE = "index.html"
"""The same page, under the name that a static Space of the Hugging Face Hub shows."""
_BLOCK_BYTES = 1 << 20

# Written out: what Python takes from the system differs from machine to machine, and a browser
# runs neither a module nor WebAssembly that comes under another type.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".png": "image/png",
    ".gif": "image/gif",
    ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".py": "text/plain; charset=utf-8",
    ".yaml": "text/plain; charset=utf-8",
}


class BundleFiles:
    """A WSGI application that gives the files which a bundle has when this is made.

    Args:
        bundle: A bundle with an explorer: `check_explorable` tells.
    """

    path = f"/{PAGE}"
    # Nothing is loaded from elsewhere, and nothing is sent anywhere.
    policy = (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'"
    )

    def __init__(self, bundle: Path) -> None:
        root = bundle.resolve()
        # By their names in an address; nothing that links elsewhere.
        self._files = {
            name: path
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.resolve() == path
            if not (name := path.relative_to(root).as_posix()).startswith(".")
        }

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer GET or HEAD, as WSGI wants it."""
        # Looked up, never joined to a folder: what is not in the bundle has no name here.
        name = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").removeprefix("/")
        path = self._files.get(name or PAGE)
        try:
            if path is None:
                raise FileNotFoundError(name)
            size, file = path.stat().st_size, path.open("rb")
        except OSError:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"The bundle has no such file."]
        kind = _TYPES.get(path.suffix, "application/octet-stream")
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(size))])
        if environ["REQUEST_METHOD"] == "HEAD":
            file.close()
            return []
        return FileWrapper(file, _BLOCK_BYTES)
