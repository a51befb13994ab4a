"""Train an extractor for a data set and write the folder that load_extractor reads."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from harness.core.errors import DataError, StorageError
from harness.core.files import storage_error, write_json
from harness.data.image_dataset import ImageDataset
from harness.metrics.extractors.classifier import build_classifier
from harness.metrics.extractors.classifier_training import TrainingPlan, train_classifier
from harness.metrics.extractors.feature_extractor import RECORD_FILE, WEIGHTS_FILE, Extractor
from harness.metrics.extractors.weight_files import write_weights

MIN_SIDE = 4

Report = Callable[[int, float, float], None]
Builder = Callable[[tuple[int, int, int], int], keras.Model]


def train_extractor(
    dataset: ImageDataset,
    folder: Path,
    *,
    plans: Sequence[TrainingPlan],
    report: Report,
    build: Builder = build_classifier,
) -> dict[str, Any]:
    """Train a classifier on the training split, state its accuracy on the test split, write both.

    Args:
        dataset: A labelled data set.
        folder: Receives `weights.npz` and `extractor.json`.
        plans: One or more stages; each goes on from the weights of the one before it, with a
            new optimizer and new random streams (warm restarts; Loshchilov & Hutter 2017,
            arXiv 1608.03983).
        report: Called with (epoch from 1, training accuracy, validation accuracy).
        build: The architecture; `load_extractor` reads the default one only.

    Returns:
        What `extractor.json` holds: id, hash, shape, number of classes, accuracy, plans.

    Raises:
        DataError: If the data set has no labels, or images of less than four pixels a side.
        StorageError: If the folder cannot be written, or holds an extractor already.
    """
    if dataset.class_names is None or dataset.test.labels is None:
        raise DataError(
            f"{dataset.name}: an extractor is trained on labelled images; received none with "
            f"labels. Add an array `labels` to the file, or train none and score by the Inception "
            f"network, which needs no labels: --extractor inception --weights PATH."
        )
    if min(dataset.image_shape[:2]) < MIN_SIDE:
        raise DataError(
            f"{dataset.name}: the classifier halves images twice, so their sides must be at "
            f"least {MIN_SIDE}; received {dataset.image_shape}. Enlarge them."
        )
    _claim(folder)
    model = _train_stages(dataset, plans, report, build)
    sha256 = write_weights(model, folder / WEIGHTS_FILE)
    identifier = f"{dataset.name}_{model.name}_{sha256[:8]}"
    predicted = Extractor(identifier, sha256, model).predict(dataset.test.images)
    record = {
        "id": identifier,
        "sha256": sha256,
        "dataset": dataset.name,
        "train_sha256": dataset.train.sha256,
        "architecture": model.name,
        "image_shape": list(dataset.image_shape),
        "num_classes": dataset.num_classes,
        "parameters": model.count_params(),
        "test_accuracy": round(float((predicted == dataset.test.labels).mean()), 4),
        "plans": [dataclasses.asdict(plan) for plan in plans],
    }
    write_json(folder / RECORD_FILE, record)
    return record


def _train_stages(
    dataset: ImageDataset, plans: Sequence[TrainingPlan], report: Report, build: Builder
) -> keras.Model:
    weights = None
    for plan in plans:
        keras.utils.set_random_seed(plan.seed)
        model = build(dataset.image_shape, dataset.num_classes)
        if weights is not None:
            model.set_weights(weights)
        train_classifier(
            model, plan, train=dataset.train, validation=dataset.validation, report=report
        )
        weights = model.get_weights()
    return model


def _claim(folder: Path) -> None:
    """Check before the long training, not after it, whether its result can be kept."""
    if (folder / RECORD_FILE).exists():
        raise StorageError(
            f"{folder}: holds an extractor already, and scores may stand on it. Choose another "
            f"folder, or remove this one."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise storage_error(folder, error) from error
