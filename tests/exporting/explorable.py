"""Make what the explorer's server takes for a bundle."""

from pathlib import Path

from harness.exporting.bundle_folder import write_checksums
from harness.exporting.explorer_files import DIRECTIONS, FOLDER, PARTS
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES


def make_explorable(folder: Path) -> Path:
    """Make a folder with the names of a bundle with an explorer; the command runs none of it."""
    (folder / FOLDER).mkdir(parents=True)
    for name in ("generator.onnx", "generator.json"):
        (folder / name).write_text(name)
    for name in (DIRECTIONS, *PARTS, *RUNTIME_FILES):
        (folder / FOLDER / name).write_text(name)
    (folder / "explorer.html").write_text("the page")
    write_checksums(folder)
    return folder
