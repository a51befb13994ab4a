"""Continue a training where another one ended: its record, its data and its history."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from harness.core.errors import StudyError, near_miss
from harness.core.files import read_json, storage_error, write_bytes, write_json
from harness.core.validation import raise_faults
from harness.data.image_dataset import ImageDataset
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_faults
from harness.gan.monitor import MonitorConfig
from harness.tracking.jsonl_tracker import HISTORY_NAME
from harness.training.training_folder import TrainingFolder

RECORD_FILE = "training.json"
_DATA_KEY = "data_sha256"


class Earlier(NamedTuple):
    """A training outside any search, read from its folder.

    Args:
        folder: Where.
        config: The GAN.
        monitor: How it showed itself.
        measure: Its data set and how it was scored, by the names of `Training`'s fields.
        record: All that its record says.
    """

    folder: TrainingFolder
    config: GANConfig
    monitor: MonitorConfig
    measure: dict[str, Any]
    record: dict[str, Any]


def read_training(path: Path) -> Earlier:
    """Return the training in a folder that `gansweep train` wrote.

    Raises:
        StudyError: If there is no such folder, or it holds something else.
        StorageError: If its record cannot be read.
    """
    if not path.is_dir():
        siblings = [each.name for each in path.parent.glob("*") if each.is_dir()]
        raise StudyError(
            f"--continue: there is no folder {path}. Name one that harness.train wrote."
            f"{near_miss(path.name, siblings)}"
        )
    if not (path / RECORD_FILE).exists():
        raise StudyError(
            f"--continue: {path} holds no {RECORD_FILE}, so it is no training of harness.train. "
            f"To go on from a trial of a study, use --from STUDY:TRIAL."
        )
    record = read_json(path / RECORD_FILE)
    try:
        raise_faults(str(path / RECORD_FILE), renamed_faults(record["config"]))
        return Earlier(
            folder=TrainingFolder(path),
            config=GANConfig.model_validate(record["config"]),
            monitor=MonitorConfig.model_validate(record.get("monitor") or {}),
            measure={key: record[key] for key in ("dataset", "extractor", "metric", "num_images")},
            record=record,
        )
    except (KeyError, TypeError, AttributeError, pydantic.ValidationError) as error:
        raise StudyError(
            f"{path / RECORD_FILE}: expected the record of a training; received something else "
            f"({type(error).__name__}). Restore it from a copy."
        ) from error


def default_folder(path: Path, kimg: float) -> Path:
    """Return the folder beside one for the same training to another total.

    Args:
        path: Of the earlier training; what its name says of its total is replaced.
        kimg: The new total.
    """
    stem = re.sub(r"-[\d.e+]+kimg$", "", path.resolve().name)
    return path.parent / f"{stem}-{kimg:g}kimg"


def check_same_data(earlier: Earlier, dataset: ImageDataset) -> None:
    """Refuse images that are others than those a training saw.

    Raises:
        StudyError: If they are.
    """
    _refuse_other_data(earlier.folder.path, earlier.record, dataset)


def keep_to_data(file: Path, record: dict[str, Any], dataset: ImageDataset) -> None:
    """Note in a training's record which images it sees, or refuse others than it began with.

    Args:
        file: Of the record.
        record: Its content, which is changed with it.
        dataset: What it would see now.

    Raises:
        StudyError: If these are other images.
    """
    _refuse_other_data(file.parent, record, dataset)
    if record.get(_DATA_KEY) is None:
        record[_DATA_KEY] = dataset.train.sha256
        write_json(file, record)


def copy_history(source: TrainingFolder, target: TrainingFolder) -> None:
    """Copy the history, losses and grids of a training, so that curves begin at its beginning."""
    names = [source.path / HISTORY_NAME, source.losses_file, *source.path.glob("grids/*.png")]
    for old in (*names, *source.path.glob("samples/*.png")):
        if not old.exists():
            continue
        try:
            content = old.read_bytes()
        except OSError as error:
            raise storage_error(old, error) from error
        write_bytes(target.path / old.relative_to(source.path), content)


def _refuse_other_data(folder: Path, record: dict[str, Any], dataset: ImageDataset) -> None:
    seen = record.get(_DATA_KEY)
    if seen in (None, dataset.train.sha256):
        return
    raise StudyError(
        f"{folder}: has been trained on other images than {dataset.name} holds now (SHA-256 "
        f"{seen[:12]}, now {dataset.train.sha256[:12]}). Give it the same images, or train anew."
    )
