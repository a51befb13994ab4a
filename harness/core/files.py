"""Write files so that a reader sees the old content or the new, never half of either."""

import contextlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.core.errors import StorageError

RECORD_BYTES = 8 * 2**20
"""What a JSON record may take: those of long confirmations take one of these eight MiB."""

NETWORK_BYTES = 4 * 2**30
"""What a network or a checkpoint may take on disk; memory is checked by what reads it."""


def inside(folder: Path, name: str | Path, *, most_bytes: int = RECORD_BYTES) -> Path | None:
    """Return the path of a file that belongs to a folder; None where there is none.

    It stands before every read of what lies in a study or a training, which somebody may have
    sent: neither a name in a record nor a link may lead to anything else of this machine.

    Args:
        folder: Where the file has to lie when all links are followed.
        name: Its path relative to the folder, maybe as a record says it.
        most_bytes: What it may take.

    Raises:
        StorageError: If it leads outside, is no regular file, or is larger.
    """
    path = folder / name
    try:
        plain = isinstance(name, str) and os.sep not in name and name not in ("", ".", "..")
        found = os.lstat(path)
        if not plain or stat.S_ISLNK(found.st_mode):
            if not leads_into(folder, path):
                raise StorageError(
                    f"{path}: leads outside {folder}, so it is not read. Remove it, or put the "
                    f"file itself in its place."
                )
            found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise storage_error(path, error) from error
    except (ValueError, RuntimeError) as error:  # no path at all, or a circle of links
        raise StorageError(f"{str(path)[:300]!a}: is no path: {error}. Remove it.") from error
    check_regular(path, found, most_bytes)
    return path


def leads_into(folder: Path, path: Path) -> bool:
    """Return whether a path lies in a folder when all links are followed."""
    return path.resolve().is_relative_to(folder.resolve())


def check_regular(path: Path, found: os.stat_result, most_bytes: int) -> None:
    """Refuse what may have no end or would fill the memory, before it is opened.

    Raises:
        StorageError: If it is no regular file, or larger.
    """
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(f"{path}: expected a file; received something else. Remove it.")
    if found.st_size > most_bytes:
        raise StorageError(
            f"{path}: takes {found.st_size:,} bytes; at most {most_bytes:,} are read. Restore it "
            f"from a copy, or remove it."
        )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; sync it and move it over `path` when the block ends.

    The temporary file lies beside `path` and keeps its suffix, because some writers (Keras) look
    at it. It is made as any file is, so the umask says who may read it; a private one of
    `tempfile` would stay private. Nothing is left behind when the block fails.

    Raises:
        StorageError: If the folder cannot be written or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.with_name(f".{secrets.token_hex(4)}.tmp{path.suffix}")
        name.touch(exist_ok=False)
        temporary = name
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before what it shall hold is computed.

    Raises:
        StorageError: If its folder takes no file, or a folder of its name is there.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "a folder of that name is there")
        with tempfile.TemporaryFile(dir=nearest_folder(path.absolute().parent)):
            pass
    except OSError as error:
        raise storage_error(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder that is not there yet; like all that is made new, the copy obeys the umask.

    Raises:
        OSError: If a file cannot be read or written.
        StorageError: If something in it leads outside, or is neither a file nor a folder.
    """
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_dir() and not path.is_symlink():
            copy_folder(path, target / path.name)
        elif file := inside(source, path.name, most_bytes=NETWORK_BYTES):
            shutil.copyfile(file, target / path.name)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        StorageError: If it cannot be read, takes more than `RECORD_BYTES` or is not JSON.
    """
    try:
        check_regular(path, path.stat(), RECORD_BYTES)
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise storage_error(path, error) from error
    except (ValueError, RecursionError) as error:
        raise StorageError(
            f"{path}: expected JSON; {error}. The file was damaged after it was written: restore "
            f"it from a copy, or remove it."
        ) from error


def place(path: Path | str) -> str:
    """Return a path for a message, with the folder at which a relative one begins."""
    return str(path) if Path(path).is_absolute() else f"{path} (in {Path.cwd()})"


def whole_path(path: Path | str) -> str:
    """Return the whole path of what is meant, `~` included, with links as they were written."""
    return os.path.abspath(home_expanded(path))  # noqa: PTH100


def shared_path(path: Path | str) -> str:
    """Return a path as others may see it: from here or from the home folder on, or its end.

    What lies elsewhere, or is a home folder of somebody else, is named by its last part alone.
    """
    absolute = Path(whole_path(path))
    bases = {Path.cwd(): "", home_expanded("~"): "~/"}
    around = [base for base in bases if absolute.is_relative_to(base) and base.parent != base]
    if not around:
        return f".../{absolute.name}"
    nearest = max(around, key=lambda base: len(base.parts))
    return f"{bases[nearest]}{absolute.relative_to(nearest)}"


def home_expanded(path: Path | str) -> Path:
    """Return a path with the home folder for `~`; unchanged where an account has none."""
    # Path.expanduser raises then, as in some containers.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return the message for a file that the operating system refused."""
    return StorageError(
        f"{path}: cannot be read or written: {error.strerror or error}. Free the disk, mend the "
        f"permissions or choose another folder, then give the same command again."
    )


def _sync(path: Path) -> None:
    """Ask the disk to keep a file, or a folder's list of names, before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def nearest_folder(path: Path) -> Path:
    """Return the path itself if it exists, else its nearest parent that does."""
    resolved = path.resolve()
    return next(folder for folder in (resolved, *resolved.parents) if folder.exists())
