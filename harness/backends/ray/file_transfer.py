"""Files on their way between the runner's folders and nodes that do not see them.

A worker there trains in a scratch folder. What its training needs to go on is sent with the job;
what the training then writes is sent with its messages, and the runner writes it into the study
before it handles the message. All of it is bounded: a file in size, checkpoints in how often they
are sent.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness.backends.backend import WorkerSetup
from harness.core.errors import StorageError
from harness.core.files import replacing, storage_error, write_bytes
from harness.data.image_dataset import ImageDataset
from harness.training.job import TestScoring
from harness.training.training_folder import TrainingFolder

LARGEST_FILE_BYTES = 2**30
"""No file is sent that is larger; use a folder that all nodes see for networks of that size."""


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
class SharedInputs:
    """What every worker needs and nodes may not have; Ray keeps one copy a node.

    Args:
        dataset: The images, read once by the runner's process.
        weights: Files of extractors' weights by the path they have on the runner's machine, each
            by its name in a folder of their own.
    """

    dataset: ImageDataset
    weights: Mapping[Path, Mapping[str, bytes]] = dataclasses.field(repr=False)


def pack(folder: TrainingFolder) -> FileSet:
    """Return what a training needs of a folder to go on.

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
    return FileSet({path.name: _read(path) for path in needed if path.exists()})


def unpack(file_set: FileSet, folder: TrainingFolder) -> None:
    """Write files into a folder, each whole or not at all, the checkpoint last.

    The checkpoint before becomes the previous one, as if the training had saved it there.

    Raises:
        StorageError: If a file cannot be written, or would lie elsewhere.
    """
    for name in file_set.removed:
        _inside(folder, name).unlink(missing_ok=True)
    last = folder.checkpoint_file
    paths = {_inside(folder, name): content for name, content in file_set.files.items()}
    for path in sorted(paths, key=lambda path: path == last):
        with replacing(path) as temporary:
            temporary.write_bytes(paths[path])
            if path == last and path.exists():
                path.replace(folder.previous_checkpoint_file)


def pack_inputs(setup: WorkerSetup, dataset: ImageDataset) -> SharedInputs:
    """Return the images, and the files that the setup names.

    Raises:
        StorageError: If a file cannot be read or is too large.
    """
    for split in (dataset.train, dataset.validation, dataset.test):
        _ = split.sha256  # is sent along, so that no worker computes it again
    weights = {}
    for path in _named_paths(setup):
        files = [each for each in path.iterdir() if each.is_file()] if path.is_dir() else [path]
        weights[path] = {file.name: _read(file) for file in files}
    return SharedInputs(dataset, weights)


def unpack_inputs(shared_inputs: SharedInputs, setup: WorkerSetup, folder: Path) -> WorkerSetup:
    """Return the setup with the images in it, and with paths of this node.

    Raises:
        StorageError: If a file cannot be written.
    """
    paths: dict[Path, Path] = {}
    for number, (path, files) in enumerate(shared_inputs.weights.items()):
        own = folder / f"weights-{number}"
        for name, content in files.items():
            write_bytes(own / name, content)
        paths[path] = own / path.name if path.name in files else own

    def here(path: Path | None) -> Path | None:
        return paths.get(path, path) if path is not None else None

    test_scoring = setup.test_scoring
    if test_scoring is not None:
        extractor = test_scoring.extractor
        test_scoring = dataclasses.replace(
            test_scoring,
            extractor=str(here(Path(extractor))) if extractor else None,
            weights=here(test_scoring.weights),
        )
    return dataclasses.replace(
        setup,
        dataset=shared_inputs.dataset,
        extractor=str(here(Path(setup.extractor))),
        weights=here(setup.weights),
        test_scoring=test_scoring,
    )


def _named_paths(setup: WorkerSetup) -> list[Path]:
    """Return folders of extractors and files of weights; names of extractors are no paths."""
    scoring = setup.test_scoring or TestScoring()
    extractors = [Path(setup.extractor), Path(scoring.extractor or setup.extractor)]
    weights = [setup.weights, scoring.weights]
    return [path for path in extractors if path.is_dir()] + [path for path in weights if path]


class FolderDiff:
    """The changes in a folder since they were last asked for.

    Args:
        folder: What is in it now counts as known.
    """

    def __init__(self, folder: TrainingFolder) -> None:
        self._folder = folder
        self._known = self._look()

    def changes(self) -> FileSet:
        """Return what is new, and take note of it.

        Raises:
            StorageError: If a file cannot be read or is too large.
        """
        before, now = self._known, self._look()
        changed = {name: self._folder.path / name for name in now if now[name] != before.get(name)}
        file_set = FileSet(
            {name: _read(path) for name, path in changed.items()},
            removed=tuple(name for name in before if name not in now),
        )
        self._known = now
        return file_set

    def _look(self) -> dict[str, tuple[int, int, int]]:
        """Return size, time and inode of each file by its path in the folder."""
        # The runner keeps the previous checkpoint by itself; dots begin unfinished files.
        found = {}
        for path in self._folder.path.rglob("*"):
            hidden = path.name.startswith(".") or path == self._folder.previous_checkpoint_file
            if not hidden and path.is_file():
                status = path.stat()
                name = path.relative_to(self._folder.path).as_posix()
                found[name] = (status.st_size, status.st_mtime_ns, status.st_ino)
        return found


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise StorageError(
                f"{path}: has {size} bytes; at most {LARGEST_FILE_BYTES} are sent between the "
                f"nodes of a cluster. Keep the study in a folder that all nodes see, with "
                f"--studies-dir."
            )
        return path.read_bytes()
    except OSError as error:
        raise storage_error(path, error) from error


def _inside(folder: TrainingFolder, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise StorageError(f"{folder.path}: a worker sent a file named {name!r}, outside of it.")
    return folder.path.joinpath(*parts)
