"""Train the panel that judges the generators of a data set, member by member."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from harness.core.errors import StorageError
from harness.core.files import read_json, write_json
from harness.data.image_dataset import ImageDataset
from harness.metrics.extractor_folder import RECORD_FILE
from harness.metrics.extractors.classifier import ARCHITECTURES, build_pixels, write_weights
from harness.metrics.extractors.extractor_training import standard_plans, train_extractor
from harness.metrics.extractors.feature_extractor import BATCH_SIZE, WEIGHTS_FILE
from harness.metrics.extractors.panel import Panel, load_panel

Task = Literal["labels", "turns"]

LABELLED: tuple[tuple[str, Task], ...] = (("classifier", "labels"), ("stacked", "labels"))
"""Architecture and task of each judge of labelled images; each has a seed of its own."""

UNLABELLED: tuple[tuple[str, Task], ...] = (("classifier", "turns"), ("stacked", "turns"))
"""The same for images without labels."""

COMPONENTS = 64
_PIXELS = "pixels"

Report = Callable[[str, int, float, float], None]


def judges_of(dataset: ImageDataset) -> tuple[tuple[str, Task], ...]:
    """Return architecture and task of each judge; labels count where there are two classes."""
    return LABELLED if dataset.num_classes > 1 else UNLABELLED


def train_panel(
    dataset: ImageDataset,
    folder: Path,
    *,
    epochs: int = 28,
    seed: int = 1,
    mirror: bool = True,
    report: Report,
    estimate: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Train the judges of a data set and fit their witness; go on where it was interrupted.

    Args:
        dataset: Its training split is learned; without labels, how its images were turned.
        folder: Receives `extractor.json` and one folder a member.
        epochs: Passes over the training images for each judge.
        seed: Origin of all randomness; the k-th judge takes 10 k more.
        mirror: Whether images are mirrored for the tasks that allow it.
        report: Called with (member, epoch from 1, training accuracy, validation accuracy).
        estimate: Called with (member, seconds a step) in a member's first epoch.

    Returns:
        What `extractor.json` holds: id, hash, judges, witnesses, shape, and the members' records.

    Raises:
        DataError: If the images are too small.
        StorageError: If the folder cannot be written, or holds a whole panel already.
    """
    if (folder / RECORD_FILE).exists():
        raise StorageError(
            f"{folder}: holds an extractor already, and scores may stand on it. Choose another "
            f"folder, or remove this one."
        )
    records = {}
    for k, (architecture, task) in enumerate(judges_of(dataset)):
        name = f"{architecture}_{task}"
        plans = standard_plans(
            epochs=epochs, seed=seed + 10 * k, mirror=mirror and task == "labels", task=task
        )
        kept = folder / name / RECORD_FILE
        if kept.exists():
            records[name] = read_json(kept)
            asked = {
                "plans": [dataclasses.asdict(plan) for plan in plans],
                "train_sha256": dataset.train.sha256,
            }
            if {key: records[name].get(key) for key in asked} == asked:
                continue
            raise StorageError(
                f"{folder / name}: was trained by another plan or on other images. Give the "
                f"options and images it was begun with, choose another folder, or remove this one."
            )
        records[name] = train_extractor(
            dataset,
            folder / name,
            plans=plans,
            report=functools.partial(report, name),
            build=ARCHITECTURES[architecture],
            estimate=functools.partial(estimate, name) if estimate else None,
        )
    judges = list(records)
    records[_PIXELS] = fit_pixels(dataset, folder / _PIXELS)
    members = [load_panel(folder / name).judges[0] for name in judges]
    sha256 = Panel("", tuple(members)).sha256
    record = {
        "id": f"{dataset.name}_panel_{sha256[:8]}",
        "sha256": sha256,
        "dataset": dataset.name,
        "image_shape": list(dataset.image_shape),
        "judges": judges,
        "witnesses": [_PIXELS],
        "members": records,
    }
    write_json(folder / RECORD_FILE, record)
    return record


def fit_pixels(dataset: ImageDataset, folder: Path) -> dict[str, Any]:
    """Write an extractor whose features are the first principal components of the pixels.

    It sees brightness, contrast and where they lie, and no shapes: what classifiers overlook.

    Args:
        dataset: Its training images, 10,000 at most, give the components.
        folder: Receives `weights.npz` and `extractor.json`.
    """
    images = dataset.train.images[:10_000]
    model = build_pixels(dataset.image_shape, COMPONENTS)
    pixels = keras.Model(model.inputs, model.get_layer("pixels").output)
    values = pixels.predict(images.astype(np.float32), batch_size=BATCH_SIZE, verbose=0)
    _, vectors = np.linalg.eigh(np.cov(values, rowvar=False, dtype=np.float64))
    count = model.output_shape[0][-1]
    model.set_weights([np.ascontiguousarray(vectors[:, ::-1][:, :count], np.float32)])
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = write_weights(model, folder / WEIGHTS_FILE)
    record = {
        "id": f"{dataset.name}_pixels_{sha256[:8]}",
        "sha256": sha256,
        "dataset": dataset.name,
        "train_sha256": dataset.train.sha256,
        "architecture": "pixels",
        "task": "components",
        "image_shape": list(dataset.image_shape),
        "num_classes": count,
    }
    write_json(folder / RECORD_FILE, record)
    return record
