"""Hold files on their way between the runner's folders, nodes and an object store."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class FileSet:
    """Hold files of one training's folder.

    Args:
        files: What each holds, by its path in the folder.
        removed: Paths of files that are no more.
        stored: Where the object store of the study has further ones; see `Depot`.
    """

    files: Mapping[str, bytes] = dataclasses.field(repr=False)
    removed: tuple[str, ...] = ()
    stored: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Return how many bytes its files hold."""
        return sum(len(content) for content in self.files.values())
