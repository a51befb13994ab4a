"""Remove studies."""

import shutil
from pathlib import Path

from harness.core.errors import StudyError
from harness.core.files import storage_error
from harness.study.record import check_study_name, find_study, lock_study, read_study


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
