"""Put a finished bundle in its place, where nothing but an earlier bundle may stand."""

from pathlib import Path

from harness.core.errors import StorageError, StudyError
from harness.core.files import read_json
from harness.core.scratch import EARLIER
from harness.exporting.checksums import CHECKSUMS, listed_files

_OLDER_FILES = frozenset(
    {"generator.keras", "config.yaml", "metrics.json", "samples.png", "README.md"}
)
"""What a bundle without checksums consists of."""


def refuse_strangers(target: Path) -> None:
    """Refuse to replace what is not a bundle.

    Raises:
        StudyError: If something else stands there.
    """
    if not target.exists() or (target.is_dir() and (_is_empty(target) or is_bundle(target))):
        return
    raise StudyError(
        f"{target}: exists and is not an exported bundle, so it is left alone. Choose another "
        f"--out."
    )


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is what an export wrote, with nothing of anybody else's in it."""
    known = listed_files(folder) | {CHECKSUMS} if (folder / CHECKSUMS).exists() else _OLDER_FILES
    files = (path for path in folder.rglob("*") if not path.is_dir())
    if not {path.relative_to(folder).as_posix() for path in files} <= known:
        return False
    try:
        metrics = read_json(folder / "metrics.json")
    except StorageError:
        return False
    return isinstance(metrics, dict) and "study_id" in metrics


def put_in_place(folder: Path, target: Path) -> None:
    """Move a finished bundle to its place; what stood there goes to where it came from.

    Args:
        folder: The bundle, in a temporary folder on the same disk that is removed afterwards.
        target: Its place, which `refuse_strangers` has looked at.

    Raises:
        OSError: If it cannot be moved.
    """
    earlier = folder.with_name(EARLIER)
    try:
        if target.exists():
            # Aside, not removed: that takes time, in which there would be half a bundle.
            target.rename(earlier)
        folder.rename(target)
    except BaseException:  # a signal, too
        if earlier.exists() and not target.exists():
            earlier.rename(target)
        raise


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())
