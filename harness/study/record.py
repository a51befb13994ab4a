"""Find studies on disk and read what they say of themselves, without Optuna."""

import dataclasses
import re
import shutil
import uuid
from pathlib import Path
from shlex import quote
from typing import IO, Any, Self

from harness.core.errors import StorageError, StudyError, near_miss
from harness.core.files import (
    inside,
    place,
    read_json,
    shared_path,
    storage_error,
    write_json,
)
from harness.core.locks import is_locked, lock_folder
from harness.core.score import Protocol
from harness.core.stored import parse_record
from harness.core.version import __version__
from harness.data.request import DatasetRequest
from harness.study.own_folders import refuse_foreign

SCHEMA_VERSION = 1
"""Raised when the files of a study change their form."""

SEMANTICS_VERSION = 3
"""Raised when gan/, metrics/ or data/ change results, so that old and new trials never mix."""

STUDIES_DIR = Path("studies")
"""Where studies lie by default."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}(-dirty)?")
_MOST_CLASSES = 1000
_LOCKED = "a sweep is running this study. Wait for it, or stop it with Ctrl-C."


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
        class_names: The names of its data set's classes; None where it has no labels, or an
            earlier version made the study.
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
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for sound, wrong in (
            (_NAME.fullmatch(self.name), "name: expected a plain name"),
            (self.seed >= 0, "seed: expected a number from 0"),
            (_COMMIT.fullmatch(self.commit or "0" * 7), "commit: expected a hash"),
            (len(self.class_names or ()) <= _MOST_CLASSES, "class_names: expected fewer"),
        ):
            if not sound:
                raise ValueError(wrong)

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
        names = (path.parent.name for path in studies_dir.glob("*/study.json"))
        known = sorted(filter(_NAME.fullmatch, names))
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
        StudyError: If a sweep runs on it, or it holds what leads out of it.
        StorageError: If the lock file cannot be written.
    """
    refuse_foreign(folder)
    return lock_folder(folder, _LOCKED, shared=shared)


def refuse_running(folder: Path) -> None:
    """Refuse a study that a sweep runs, without taking its lock or making its file.

    Raises:
        StudyError: If one does.
    """
    if is_locked(folder):
        raise StudyError(f"{folder}: {_LOCKED}")


def read_study(folder: Path) -> StudyRecord:
    """Return what `study.json` of an existing study says.

    Raises:
        StudyError: If another version of the package wrote it in another form, or keeps its
            trials outside its folder.
        StorageError: If it cannot be read.
    """
    path = folder / "study.json"
    inside(folder, path.name)
    record = read_json(path)
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
        protocol = dataclasses.asdict(parse_record(Protocol, record.get("protocol")))
        return parse_record(StudyRecord, record | {"protocol": protocol})
    except ValueError as error:
        raise StorageError(
            f"{path}: expected the record of a study; {error}. The file was damaged after it was "
            f"written: restore it from a copy, or choose a new --study."
        ) from error


def read_own_study(folder: Path) -> StudyRecord:
    """Return the record of a study that is to be gone on with; see `copy_fault`.

    Raises:
        StudyError: As `read_study`, or if the record is another study's.
        StorageError: As `read_study`.
    """
    record = read_study(folder)
    if fault := copy_fault(folder, record):
        raise StudyError(fault)
    return record


def copy_fault(folder: Path, record: StudyRecord) -> str:
    """Return what to do with a copied or renamed folder, whose record is another study's.

    Its id, too, is that study's: what it did would be taken for what that one does, in W&B for
    one. Empty where the folder and its record have one name.
    """
    if record.name == folder.name:
        return ""
    where = study_options(folder).removeprefix("--study ")
    return (
        f"{folder}: its record is that of study {record.name!r}, so the folder was copied or "
        f"renamed. `gansweep studies adopt {where}` makes a study of its own of it, or "
        f"name the folder {record.name} again."
    )


def adopt(folder: Path) -> StudyRecord:
    """Make a study of its own of a copied or renamed folder: its name, and an id of its own.

    Raises:
        StudyError: If it is one already, or a sweep is running it.
        StorageError: If its record cannot be read or written.
    """
    record = read_study(folder)
    if not copy_fault(folder, record):
        raise StudyError(f"{folder}: is a study of its own already.")
    made = dataclasses.replace(record, name=check_study_name(folder.name), id=str(uuid.uuid4()))
    with lock_study(folder):
        write_json(folder / "study.json", dataclasses.asdict(made))
    return made


def find_to_remove(studies_dir: Path, name: str) -> Path:
    """Return the folder of a study that may be removed.

    Args:
        studies_dir: Folder of all studies.
        name: The study.

    Raises:
        StudyError: If there is none of that name, it is a link to somewhere else, another
            version of the package made it, or a sweep is running it.
        StorageError: If its record cannot be read.
    """
    folder = studies_dir / check_study_name(name)
    # A link would take what it points to with it, or leave it without a name.
    if folder.is_symlink() or folder.resolve().parent != studies_dir.resolve():
        raise StudyError(
            f"{folder}: is a link to {folder.resolve()}, outside {studies_dir}. Remove the link "
            f"yourself, or name the folder that holds the study by --studies-dir."
        )
    read_study(find_study(studies_dir, name))
    refuse_running(folder)
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
    with lock_folder(folder, _LOCKED):  # whatever it holds: links go, what they lead to stays
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(folder, error) from error
