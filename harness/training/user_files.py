"""Keep copies of Python files of the user's own beside what was trained with them."""

from collections.abc import Iterable
from pathlib import Path

from harness.core.files import write_bytes
from harness.gan.user_code.user_functions import FOLDER, UserFile


def write_copies(folder: Path, files: Iterable[UserFile]) -> None:
    """Copy files into the folder of a study or a training, where `pin` finds them again.

    Raises:
        StorageError: If one cannot be written.
    """
    for file in files:
        write_bytes(folder / FOLDER / file.name, file.content)
