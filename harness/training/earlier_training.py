"""Read what a training alone recorded, and know its images again wherever they lie now."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from harness.core.errors import StudyError, near_miss
from harness.core.files import inside, read_json
from harness.core.validation import raise_faults
from harness.data.image_dataset import ImageDataset
from harness.data.request import DatasetRequest
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import renamed_faults
from harness.gan.monitor import MonitorConfig
from harness.training.job import WorkerSetup
from harness.training.training_folder import TrainingFolder

RECORD_FILE = "training.json"
NAME_KEY = "data_name"
"""What scores call the images, whatever their folder is called later."""

DATA_KEY = "data_sha256"


class Earlier(NamedTuple):
    """A training outside any search, read from its folder.

    Args:
        folder: Where.
        config: The GAN.
        monitor: How it showed itself.
        measure: Its data set and how it was scored, by the names of `WorkerSetup`'s fields.
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
    if inside(path, RECORD_FILE) is None:
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


def as_known(setup: WorkerSetup, folder: TrainingFolder, begun: Mapping[str, Any]) -> WorkerSetup:
    """Return a setup whose images have the name by which earlier scores know them.

    Args:
        setup: What is asked for now.
        folder: Of the training, which may have begun.
        begun: What the record says of the one that it goes on from, if it has not.
    """
    file = folder.path / RECORD_FILE
    record = read_json(file) if file.exists() else begun
    asked = DatasetRequest.parse(str(setup.dataset))
    earlier = DatasetRequest.parse(str(record.get("dataset", setup.dataset)))
    named = asked.named_as(earlier, str(record.get(NAME_KEY, "")))
    return dataclasses.replace(setup, dataset=str(named))


def default_folder(path: Path, kimg: float) -> Path:
    """Return the folder beside one for the same training to another total.

    Args:
        path: Of the earlier training; what its name says of its total is replaced.
        kimg: The new total.
    """
    stem = re.sub(r"-[\d.e+]+kimg$", "", path.resolve().name)
    return path.parent / f"{stem}-{kimg:g}kimg"


def check_same_data(folder: Path, record: dict[str, Any], dataset: ImageDataset) -> None:
    """Refuse images that are others than those a training saw.

    Args:
        folder: The training's.
        record: What its record says.
        dataset: What it would see now.

    Raises:
        StudyError: If these are other images.
    """
    seen = record.get(DATA_KEY)
    if seen not in (None, dataset.train.sha256):
        raise StudyError(
            f"{folder}: has been trained on other images than {dataset.name} holds now (SHA-256 "
            f"{seen[:12]}, now {dataset.train.sha256[:12]}). Give it the same images, or train "
            f"anew."
        )
