"""Give commands a folder to work in, whether studies lie in it or in an object store."""

import contextlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import ConfigError, MissingExtraError
from harness.search.object_store.mode import Mode

LEASE_SECONDS = 120.0
"""How long a command that writes a study in a store may be silent before another may take it."""

_LIKE_A_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/:]")


def is_url(place: str) -> bool:
    """Return whether a place is named by a URL instead of a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) is not None


@contextlib.contextmanager
def studies_at(
    place: str | Path,
    *names: str,
    mode: Mode = "read",
    lease_seconds: float = LEASE_SECONDS,
) -> Iterator[Path]:
    """Give the folder of all studies to the end of the block.

    For a path that is the path. For a URL such as `s3://bucket/folder` it is a mirror in the
    user's cache, which holds the named studies as the store has them; what the block does to them
    is uploaded while it runs and at its end. See `harness.search.object_store.lease` for what
    keeps two commands from writing the same study, and what does not.

    Args:
        place: A folder, or a URL that fsspec knows.
        names: The studies that the block works on; they need not exist.
        mode: What it does with them.
        lease_seconds: In a store, a command that writes and is silent for so long loses the study
            to whoever comes next.

    Raises:
        HarnessError: If the store cannot be used, or another command has a study that this one
            would write. What was not uploaded then stays in the mirror, and the same command
            uploads it.
    """
    if not is_url(str(place)):
        if _LIKE_A_URL.match(str(place)):
            raise ConfigError(
                f"--studies-dir: expected a folder, or a URL such as s3://bucket/folder, with two "
                f"slashes; received {place}. For a folder of that name write ./{place}."
            )
        yield Path(place)
        return
    if importlib.util.find_spec("fsspec") is None:
        raise MissingExtraError(
            f"{place}: fsspec, which reads such URLs, is not installed. Install it with what "
            f"reads S3's: `pip install 'gan-sweep-harness[s3]'`."
        )
    from harness.search.object_store.session import mirrored

    with mirrored(str(place), names, mode=mode, lease_seconds=lease_seconds) as folder:
        yield folder
