"""Find the search spaces that come with the package."""

import importlib.resources
from collections.abc import Iterable
from pathlib import Path

from harness.core.errors import ConfigError


def spaces_folder() -> Path:
    """Return the folder of the search spaces that come with the package.

    A wheel carries them inside the package; an editable installation leaves them at the top of
    the source tree, where people look for them.
    """
    package = Path(str(importlib.resources.files("harness")))
    return first_folder((package / "search_spaces", package.parent / "search_spaces"))


def first_folder(candidates: Iterable[Path]) -> Path:
    """Return the first folder that exists.

    Raises:
        ConfigError: If none does.
    """
    tried = list(candidates)
    for folder in tried:
        if folder.is_dir():
            return folder
    places = " or ".join(str(folder) for folder in tried)
    raise ConfigError(f"The search spaces are expected in {places}. Install the package again.")


def space_names(folder: Path | None = None) -> list[str]:
    """Return the names of the search spaces that come with the package."""
    return sorted(path.stem for path in (folder or spaces_folder()).glob("*.yaml"))
