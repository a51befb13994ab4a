"""Remove studies, wherever their trials are kept."""

import shutil
from pathlib import Path

from harness.core.errors import StudyError
from harness.core.files import storage_error
from harness.space.space import SearchSpace
from harness.study.exclusive import study_held
from harness.study.record import check_study_name, find_study, read_study
from harness.study.repair import StoredStudy


def find_to_remove(studies_dir: Path, name: str, storage: str | None = None) -> Path:
    """Return the folder of a study that may be removed.

    Args:
        studies_dir: Folder of all studies.
        name: The study.
        storage: What `--storage` says.

    Raises:
        StudyError: If there is none of that name, it is a link to somewhere else, or a sweep is
            running it.
        StorageError: If a server that keeps it cannot be reached.
    """
    folder = studies_dir / check_study_name(name)
    # A link would take what it points to with it, or leave it without a name.
    if folder.is_symlink() or folder.resolve().parent != studies_dir.resolve():
        raise StudyError(
            f"{folder}: is a link to {folder.resolve()}, outside {studies_dir}. Remove the link "
            f"yourself, or name the folder that holds the study by --studies-dir."
        )
    find_study(studies_dir, name)
    with study_held(folder, storage):
        return folder


def remove(studies_dir: Path, name: str, storage: str | None = None) -> None:
    """Remove a study with everything in its folder, and from a database that others share.

    Args:
        studies_dir: Folder of all studies.
        name: The study.
        storage: What `--storage` says.

    Raises:
        StudyError: As `find_to_remove`.
        StorageError: If something in it cannot be removed.
    """
    folder = find_to_remove(studies_dir, name, storage)
    with study_held(folder, storage) as database:
        if not database.is_own:
            # First: what is left if this fails can still be removed, or repaired by the doctor.
            space = SearchSpace.load(str(folder / "search_space.yaml"))
            with StoredStudy(database, read_study(folder), space) as stored:
                stored.remove()
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(folder, error) from error
