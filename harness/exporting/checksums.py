"""List the SHA-256 of every file of a bundle, so that `sha256sum -c` checks a copy."""

import hashlib
from pathlib import Path

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


def listed_files(folder: Path) -> set[str]:
    """Return the names in a bundle's `checksums.txt`; none if it cannot be read."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return set()
    return {line.partition("  ")[2] for line in lines}


def damaged_files(folder: Path) -> list[str]:
    """Return the names in a bundle's `checksums.txt` whose files are others or gone.

    A list that cannot be read, or that lists nothing, is itself the damaged file.
    """
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    listed = [line.partition("  ") for line in lines]
    if not listed or any(len(digest) != 64 or not name for digest, _, name in listed):
        return [CHECKSUMS]
    return [name for digest, _, name in listed if not _has_content(folder / name, digest)]


def _has_content(file: Path, digest: str) -> bool:
    try:
        return _sha256(file) == digest
    except (OSError, ValueError):
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
