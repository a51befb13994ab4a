"""Serve a bundle's files to this machine's browser, to read and nothing else."""

import http.server
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import Any

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


HOST = "127.0.0.1"
"""Only this machine can reach it."""
PAGE = "explorer.html"

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


class BundleServer(http.server.ThreadingHTTPServer):
    """A server of the files that a bundle has when the server is made.

    Args:
        bundle: A bundle with an explorer: `check_explorable` tells.
        port: 0 for any that is free.

    Raises:
        ConfigError: If the port cannot be used.
    """

    daemon_threads = True

    def __init__(self, bundle: Path, port: int = 0) -> None:
        root = bundle.resolve()
        # By their names in an address; nothing that links elsewhere.
        self.files = {
            name: path
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.resolve() == path
            if not (name := path.relative_to(root).as_posix()).startswith(".")
        }
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"--port {port}: cannot be used: {error}. Choose another, or leave it out for any "
                f"that is free."
            ) from error

    @property
    def address(self) -> str:
        """Return the address of the page."""
        return f"http://{HOST}:{self.server_port}/{PAGE}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: BundleServer
    protocol_version = "HTTP/1.1"  # one connection for all files of the page

    def send_head(self) -> Any:
        # A page from elsewhere could have its own name lead here, to read what is served.
        if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:
        # Looked up, never joined to a folder: what is not in the bundle has no name here.
        name = urllib.parse.unquote(urllib.parse.urlsplit(path).path).removeprefix("/")
        return str(self.server.files.get(name or PAGE, ""))

    def guess_type(self, path: Any) -> str:
        return _TYPES.get(Path(path).suffix, "application/octet-stream")

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # the next bundle may have this port
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the terminal shows the address, not every file."""
