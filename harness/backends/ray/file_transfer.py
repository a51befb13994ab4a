"""Carry files between the runner's folders and nodes that do not see them.

A worker there trains in a scratch folder. What its session needs to go on travels with the job;
what the session then writes travels back with its messages, and the runner writes it into the
study before it hears the message. All of it is bounded: a file in size, checkpoints in how often
they travel.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness.backends.backend import Message, WorkerSetup
from harness.core.errors import StorageError
from harness.core.files import replacing, storage_error
from harness.data.image_dataset import ImageDataset
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

LARGEST_FILE_BYTES = 2**30
"""No file travels that is larger; use a folder that all nodes see for networks of that size."""

BYTES_PER_SECOND = 50e6
"""So much all workers of a sweep send between their rungs, on the average."""


@dataclasses.dataclass(frozen=True)
class FileSet:
    """Files of one training's folder, on their way between the runner's folders and a node.

    Args:
        files: What each holds, by its path in the folder.
        removed: Paths of files that are no more.
    """

    files: Mapping[str, bytes] = dataclasses.field(repr=False)
    removed: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Return how many bytes its files hold."""
        return sum(len(content) for content in self.files.values())


@dataclasses.dataclass(frozen=True)
class JobMessage:
    """Send a worker its job.

    Args:
        job: What to train; its folder's path is absolute.
        mark: A file that the runner has just written there: a worker that sees it sees the folder.
            None for one that is not to look.
        file_set: What the folder holds, for a worker that does not see it; None if it must.
    """

    job: TrainingJob
    mark: Path | None
    file_set: FileSet | None


@dataclasses.dataclass(frozen=True)
class WorkerMessage:
    """Send the runner a message.

    Args:
        message: What the worker says.
        file_set: What has changed in its scratch folder; None where it writes into the study.
    """

    message: Message
    file_set: FileSet | None


@dataclasses.dataclass(frozen=True)
class SharedInputs:
    """Hold what every worker needs and nodes may not have; Ray keeps one copy a node.

    Args:
        dataset: The images, read once by the runner's process.
        weights: Files of extractors' weights by the path they have on the runner's machine, each
            by its name in a folder of their own.
    """

    dataset: ImageDataset
    weights: Mapping[str, Mapping[str, bytes]] = dataclasses.field(repr=False)


def pack(folder: TrainingFolder, *, largest_bytes: int = LARGEST_FILE_BYTES) -> FileSet:
    """Return what a session needs of a folder to go on.

    Raises:
        StorageError: If a file cannot be read or is too large.
    """
    needed = (
        folder.checkpoint_file,
        folder.previous_checkpoint_file,
        folder.generator_file,
        folder.discriminator_file,
        folder.outcome_file,
    )
    there = [path for path in needed if path.exists()]
    return FileSet({path.name: _read(path, largest_bytes) for path in there})


def unpack(file_set: FileSet, folder: TrainingFolder) -> None:
    """Write files into a folder, each whole or not at all, the checkpoint last.

    The checkpoint before becomes the previous one, as if the session had saved it there.

    Raises:
        StorageError: If a file cannot be written, or would lie elsewhere.
    """
    for name in file_set.removed:
        _inside(folder, name).unlink(missing_ok=True)
    last = folder.checkpoint_file.name
    for name in sorted(file_set.files, key=lambda name: (name == last, name)):
        path = _inside(folder, name)
        with replacing(path) as temporary:
            temporary.write_bytes(file_set.files[name])
            if name == last and path.exists() and last not in file_set.removed:
                path.replace(folder.previous_checkpoint_file)


def pack_inputs(setup: WorkerSetup, dataset: ImageDataset) -> SharedInputs:
    """Return the images, and the files that the setup names.

    Raises:
        StorageError: If a file cannot be read or is too large.
    """
    for split in (dataset.train, dataset.validation, dataset.test):
        _ = split.sha256  # travels along, so that no worker computes it again
    weights = {}
    for path in _named_paths(setup):
        files = (
            sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        )
        weights[str(path)] = {file.name: _read(file, LARGEST_FILE_BYTES) for file in files}
    return SharedInputs(dataset, weights)


def unpack_inputs(shared_inputs: SharedInputs, setup: WorkerSetup, folder: Path) -> WorkerSetup:
    """Return the setup with the images in it, and with paths of this node.

    Raises:
        StorageError: If a file cannot be written.
    """
    paths: dict[str, Path] = {}
    for number, (path, files) in enumerate(shared_inputs.weights.items()):
        own = folder / f"weights-{number}"
        for name, content in files.items():
            with replacing(own / name) as temporary:
                temporary.write_bytes(content)
        paths[path] = own / Path(path).name if Path(path).name in files else own

    def here(path: Path | None) -> Path | None:
        return paths.get(str(path), path)

    test_scoring = setup.test_scoring
    if test_scoring is not None:
        extractor = (
            None if test_scoring.extractor is None else str(here(Path(test_scoring.extractor)))
        )
        test_scoring = dataclasses.replace(
            test_scoring, extractor=extractor, weights=here(test_scoring.weights)
        )
    return dataclasses.replace(
        setup,
        dataset=shared_inputs.dataset,
        extractor=str(here(Path(setup.extractor))),
        weights=here(setup.weights),
        test_scoring=test_scoring,
    )


def _named_paths(setup: WorkerSetup) -> Iterator[Path]:
    named = [(setup.extractor, setup.weights)]
    if setup.test_scoring is not None:
        named.append((setup.test_scoring.extractor or setup.extractor, setup.test_scoring.weights))
    for extractor, weights in named:
        if weights is not None:
            yield weights
        if Path(extractor).is_dir():
            yield Path(extractor)


class FolderDiff:
    """Tell what has changed in a folder since it was last asked.

    Args:
        folder: What is in it now counts as known.
        largest_bytes: No file may be larger.
    """

    def __init__(self, folder: TrainingFolder, *, largest_bytes: int = LARGEST_FILE_BYTES) -> None:
        self._folder = folder
        self._largest_bytes = largest_bytes
        self._known = self._look()

    def changes(self) -> FileSet:
        """Return what is new, and take note of it.

        Raises:
            StorageError: If a file cannot be read or is too large.
        """
        now = self._look()
        new = [path for path in now if now[path] != self._known.get(path)]
        removed = tuple(self._name(path) for path in self._known if path not in now)
        file_set = FileSet(
            {self._name(path): _read(path, self._largest_bytes) for path in new}, removed
        )
        self._known = now
        return file_set

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder.path).as_posix()

    def _look(self) -> dict[Path, tuple[int, int, int]]:
        # The runner keeps the previous checkpoint by itself; dots begin unfinished files.
        found = {}
        for path in self._folder.path.rglob("*"):
            hidden = path.name.startswith(".") or path == self._folder.previous_checkpoint_file
            if not hidden and path.is_file():
                status = path.stat()
                found[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
        return found


class RateLimiter:
    """Say when a worker may send again what could also wait.

    Args:
        bytes_per_second: What it may send on the average.
        clock: Seconds that pass.
    """

    def __init__(
        self, bytes_per_second: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_per_second = bytes_per_second
        self._clock = clock
        self._free_at = clock()

    def permits(self) -> bool:
        """Return whether what was sent has been waited for."""
        return self._clock() >= self._free_at

    def note(self, sent_bytes: int) -> None:
        """Take note of what was sent."""
        begin = max(self._free_at, self._clock())
        self._free_at = begin + sent_bytes / self._bytes_per_second


def _read(path: Path, largest_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > largest_bytes:
            raise StorageError(
                f"{path}: has {size} bytes; at most {largest_bytes} travel between the nodes of a "
                f"cluster. Keep the study in a folder that all nodes see, with --studies-dir."
            )
        return path.read_bytes()
    except OSError as error:
        raise storage_error(path, error) from error


def _inside(folder: TrainingFolder, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise StorageError(f"{folder.path}: a worker sent a file named {name!r}, outside of it.")
    return folder.path.joinpath(*parts)
