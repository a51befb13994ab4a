"""The folder of a bundle: its checksums, and its place, where nothing else may stand."""

import hashlib
from pathlib import Path

from harness.core.errors import StorageError, StudyError
from harness.core.files import inside, read_json
from harness.core.scratch import EARLIER

CHECKSUMS = "checksums.txt"


def write_checksums(folder: Path) -> None:
    """Write `checksums.txt`: a line a file, in the order of their names, itself left out.

    Args:
        folder: A bundle that is complete but for this file.

    Raises:
        OSError: If a file cannot be read or the list not be written.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def listed_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a bundle's `checksums.txt`; none if it cannot be read."""
    try:
        file = inside(folder, CHECKSUMS)
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
    except (OSError, ValueError, StorageError):
        return {}
    listed = [line.partition("  ") for line in lines]
    return {name: digest for digest, _, name in listed}


def damaged_files(folder: Path) -> list[str]:
    """Return the names in a bundle's `checksums.txt` whose files are others or gone.

    A list that cannot be read, or that lists nothing, is itself the damaged file.
    """
    listed = listed_files(folder)
    if not listed or any(len(digest) != 64 or not name for name, digest in listed.items()):
        return [CHECKSUMS]
    return [name for name, digest in listed.items() if not has_content(folder / name, digest)]


def has_content(file: Path, digest: str) -> bool:
    """Return whether a file can be read and has this SHA-256."""
    try:
        return _sha256(file) == digest
    except (OSError, ValueError):
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_OLDER_FILES = frozenset(
    {"generator.keras", "config.yaml", "metrics.json", "samples.png", "README.md"}
)
"""What a bundle without checksums consists of."""


def refuse_strangers(target: Path) -> None:
    """Refuse to replace what is not a bundle.

    Raises:
        StudyError: If something else stands there.
    """
    if not target.exists() or (
        target.is_dir() and (is_bundle(target) or not any(target.iterdir()))
    ):
        return
    raise StudyError(
        f"{target}: exists and is not an exported bundle, so it is left alone. Choose another "
        f"--out."
    )


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is what an export wrote, with nothing of anybody else's in it."""
    known = {*listed_files(folder), CHECKSUMS} if (folder / CHECKSUMS).exists() else _OLDER_FILES
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
