"""Check that a bundle has all that its explorer loads, as it was exported."""

from pathlib import Path

from harness.core.errors import ConfigError
from harness.exporting.checksums import CHECKSUMS, damaged_files
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.explorer_server import PAGE
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
