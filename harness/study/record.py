"""Find studies on disk and read what they say of themselves, without Optuna."""

import dataclasses
import re
import shutil
from pathlib import Path
from shlex import quote
from typing import IO, Any, Self

from harness.core.errors import StorageError, StudyError, near_miss
from harness.core.files import place, read_json, shared_path, storage_error
from harness.core.locks import lock_folder
from harness.core.version import __version__
from harness.data.request import DatasetRequest

SCHEMA_VERSION = 1
"""Raised when the files of a study change their form."""

SEMANTICS_VERSION = 3
"""Raised when gan/, metrics/ or data/ change results, so that old and new trials never mix."""

STUDIES_DIR = Path("studies")
"""Where studies lie by default."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclasses.dataclass(frozen=True)
class StudyRecord:
    """What makes a study this study; stored as `study.json` when it is created.

    Args:
        id: UUID; the ids of its W&B runs derive from it.
        name: Name of the study and of its folder.
        seed: Origin of every random stream.
        dataset: Name of the data set, or a scheme and a path.
        protocol: How its trials are scored.
        created: When it was created, ISO 8601, UTC.
        extractor: What its trials are seen through: a name or a folder. The protocol has only the
            name that scores carry.
        harness_version: The version of this package that created it.
        schema_version: Form of its files.
        semantics_version: Meaning of its numbers.
        commit: The commit of the code that created it, where that is known.
        lock_sha256: Hash of `requirements.lock` at that time, where there was one.
    """

    id: str
    name: str
    seed: int
    dataset: str
    protocol: dict[str, Any]
    created: str
    extractor: str = "fashion_cnn"
    harness_version: str = __version__
    schema_version: int = SCHEMA_VERSION
    semantics_version: int = SEMANTICS_VERSION
    commit: str | None = None
    lock_sha256: str | None = None

    def shared(self) -> Self:
        """Return the record as others may see it, without whole paths."""
        extractor = self.extractor
        if Path(extractor).is_absolute():
            extractor = shared_path(extractor)
        dataset = str(DatasetRequest.parse(self.dataset).shared())
        return dataclasses.replace(self, dataset=dataset, extractor=extractor)


def check_study_name(name: str) -> str:
    """Return the name if it is a plain folder name.

    Raises:
        StudyError: If it could escape the studies folder or confuse a shell.
    """
    if not _NAME.fullmatch(name):
        raise StudyError(
            f"--study: expected up to 100 letters, digits, '_', '-' or '.', beginning with a "
            f"letter or digit; received {name!r}."
        )
    return name


def study_options(folder: Path) -> str:
    """Return the options that name a study to any command, as a shell takes them."""
    where = "" if folder.parent == STUDIES_DIR else f" --studies-dir {quote(str(folder.parent))}"
    return f"--study {folder.name}{where}"


def find_study(studies_dir: Path, name: str) -> Path:
    """Return the folder of an existing study.

    Raises:
        StudyError: If there is none of that name; names the ones there are.
    """
    folder = studies_dir / check_study_name(name)
    if not (folder / "study.json").is_file():
        known = sorted(path.parent.name for path in studies_dir.glob("*/study.json"))
        there = f"studies there: {', '.join(known)}" if known else "there is no study there"
        raise StudyError(
            f"{place(studies_dir)}: no study named {name!r}; {there}.{near_miss(name, known)} "
            f"Choose with --study and --studies-dir, or run `gansweep sweep` first."
        )
    return folder


def lock_study(folder: Path, *, shared: bool = False) -> IO[str]:
    """Keep sweeps and other commands off an existing study until the file returned is closed.

    Args:
        folder: The study's folder.
        shared: Let others in that share it too.

    Raises:
        StudyError: If a sweep runs on it.
        StorageError: If the lock file cannot be written.
    """
    refusal = "a sweep is running this study. Wait for it, or stop it with Ctrl-C."
    return lock_folder(folder, refusal, shared=shared)


def read_study(folder: Path) -> StudyRecord:
    """Return what `study.json` of an existing study says.

    Raises:
        StudyError: If another version of the package wrote it in another form, or keeps its
            trials outside its folder.
        StorageError: If it cannot be read.
    """
    path = folder / "study.json"
    record = read_json(path)
    known = {field.name for field in dataclasses.fields(StudyRecord)}
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        given = record if isinstance(record, dict) else {}
        raise StudyError(
            f"{path}: study {given.get('name', folder.name)!r} has schema version "
            f"{given.get('schema_version')!r}, written by version "
            f"{given.get('harness_version', 'unknown')} of the package; this version "
            f"({__version__}) reads schema version {SCHEMA_VERSION}, and there is no "
            f"older one to migrate from. Use the version that wrote it, or choose a new --study."
        )
    if record.get("storage") is not None:
        raise StudyError(
            f"{path}: the study keeps its trials outside its folder, in {record['storage']}, "
            f"which this version ({__version__}) does not know. Use the version that wrote it, or "
            f"choose a new --study."
        )
    try:
        return StudyRecord(**{key: value for key, value in record.items() if key in known})
    except TypeError as error:
        raise StorageError(
            f"{path}: expected the record of a study; {error}. The file was damaged after it was "
            f"written: restore it from a copy, or choose a new --study."
        ) from error


def find_to_remove(studies_dir: Path, name: str) -> Path:
    """Return the folder of a study that may be removed.

    Args:
        studies_dir: Folder of all studies.
        name: The study.

    Raises:
        StudyError: If there is none of that name, it is a link to somewhere else, another
            version of the package made it, or a sweep is running it.
        StorageError: If its lock file cannot be written.
    """
    folder = studies_dir / check_study_name(name)
    # A link would take what it points to with it, or leave it without a name.
    if folder.is_symlink() or folder.resolve().parent != studies_dir.resolve():
        raise StudyError(
            f"{folder}: is a link to {folder.resolve()}, outside {studies_dir}. Remove the link "
            f"yourself, or name the folder that holds the study by --studies-dir."
        )
    read_study(find_study(studies_dir, name))
    with lock_study(folder):
        return folder


def remove(studies_dir: Path, name: str) -> None:
    """Remove a study with everything in its folder.

    Args:
        studies_dir: Folder of all studies.
        name: The study.

    Raises:
        StudyError: As `find_to_remove`.
        StorageError: If something in it cannot be removed.
    """
    folder = find_to_remove(studies_dir, name)
    with lock_study(folder):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(folder, error) from error
