"""Train an extractor for a data set, reproducibly, and write the folder load_extractor reads."""

import contextlib
import dataclasses
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from harness.core.errors import DataError, StorageError
from harness.core.files import storage_error, write_json
from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.extractor_folder import RECORD_FILE
from harness.metrics.extractors.classifier import build_classifier, write_weights
from harness.metrics.extractors.feature_extractor import WEIGHTS_FILE, Extractor

Report = Callable[[int, float, float], None]

_TIMED_STEPS = (2, 10)
"""The step after which an epoch's pace is measured, for those before compile; and the last one."""

_LEAST_PATIENCE = 3


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How long and how strongly a classifier is trained.

    Args:
        epochs: Passes over the training images.
        seed: Origin of initial weights, order, dropout and augmentation.
        batch_size: Images per step; all there are where they are fewer.
        learning_rate: Peak of a warm-up followed by a cosine to zero.
        weight_decay: Decoupled decay of AdamW.
        label_smoothing: Probability mass spread over all classes.
        max_shift: Each image moves by up to this many pixels each way, the gap filled with zeros.
        mirror: Every second image, by chance, is mirrored left to right; unsound for digits.
        task: What it learns to tell: `labels`, or without any `turns`, in which of four ways an
            image was turned.
    """

    epochs: int = 16
    seed: int = 1
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 5e-2
    label_smoothing: float = 0.1
    max_shift: int = 1
    mirror: bool = True
    task: Literal["labels", "turns"] = "labels"


def standard_plans(
    *,
    epochs: int = 28,
    seed: int = 1,
    mirror: bool = True,
    task: Literal["labels", "turns"] = "labels",
) -> list[TrainingPlan]:
    """Return the two stages that each member of a panel is trained by.

    The second takes the last three sevenths of the epochs at half the step size: a warm restart
    from a good place, worth some tenths of a percent of accuracy.

    Args:
        epochs: Passes over the training images in both stages together, at least 4.
        seed: Seed of the first stage; the second has the next.
        mirror: Whether images are mirrored.
        task: What is learned.
    """
    second = max(2, epochs * 3 // 7)
    first = TrainingPlan(epochs=epochs - second, seed=seed, mirror=mirror, task=task)
    return [
        first,
        dataclasses.replace(first, epochs=second, seed=seed + 1, learning_rate=1e-3),
    ]


def train_classifier(
    model: keras.Model,
    plan: TrainingPlan,
    *,
    train: Split,
    validation: Split,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Train a two-output classifier in place.

    Args:
        model: As `build_classifier` returns it: outputs features and logits.
        plan: Duration, step size, augmentation.
        train: The only images whose gradients are taken.
        validation: Images whose accuracy callbacks are told after each epoch.
        callbacks: Keras' own, told of steps and epochs.

    Raises:
        DataError: If a split has no labels.
    """
    if plan.task == "turns":
        validation = _turned(validation)
    if (train.labels is None and plan.task == "labels") or validation.labels is None:
        raise DataError(
            f"{train.name}: an extractor is trained on labelled images; received none. "
            f"Choose a labelled data set."
        )
    steps = len(train) // min(plan.batch_size, len(train))
    num_classes = model.outputs[1].shape[-1]
    classifier = keras.Model(model.inputs, model.outputs[1])
    warmup = steps
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps * plan.epochs - warmup, warmup_target=plan.learning_rate, warmup_steps=warmup
    )
    classifier.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=plan.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=plan.label_smoothing
        ),
        metrics=["accuracy"],
    )
    with _silent_about_retracing():
        classifier.fit(
            _batches(train, plan, num_classes),
            validation_data=(validation.images, np.eye(num_classes)[validation.labels]),
            validation_batch_size=500,
            epochs=plan.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the rows are shuffled already
            verbose=0,
            callbacks=list(callbacks),
        )


@contextlib.contextmanager
def _silent_about_retracing() -> Iterator[None]:
    """Keep TensorFlow from warning that small networks of few steps are compiled often."""
    logger = tf.get_logger()

    def passes(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


def _callbacks(
    plan: TrainingPlan, report: Report, estimate: Callable[[float], None] | None
) -> list[keras.callbacks.Callback]:
    """Return what reports, and ends a stage that no longer improves with its best weights.

    Half of a stage is waited: for so long the steps of a cosine may lead away from a good place.
    """
    began: dict[str, float] = {}

    def step(number: int, logs: Any) -> None:
        if number == _TIMED_STEPS[0]:
            began.setdefault("at", time.monotonic())
        elif number == _TIMED_STEPS[1] and estimate is not None and "told" not in began:
            began["told"] = time.monotonic()
            estimate((began["told"] - began["at"]) / (_TIMED_STEPS[1] - _TIMED_STEPS[0]))

    patience = max(_LEAST_PATIENCE, plan.epochs // 2)
    return [
        keras.callbacks.LambdaCallback(
            on_train_batch_end=step,
            on_epoch_end=lambda epoch, logs: report(
                epoch + 1, logs["accuracy"], logs["val_accuracy"]
            ),
        ),
        keras.callbacks.EarlyStopping(
            "val_accuracy", mode="max", patience=patience, restore_best_weights=True
        ),
    ]


def _batches(split: Split, plan: TrainingPlan, num_classes: int) -> tf.data.Dataset:
    images = tf.constant(split.images)
    labels = tf.constant(np.zeros(len(split)) if split.labels is None else split.labels, tf.int32)

    def prepare(step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([tf.constant(plan.seed, tf.int64), step])
        batch, classes = _augment(tf.gather(images, rows), plan, seed), tf.gather(labels, rows)
        if plan.task == "turns":
            classes = tf.random.stateless_uniform(classes.shape, seed + 1, 0, TURNS, tf.int32)
            batch = turn(batch, classes)
        return batch, tf.one_hot(classes, num_classes)

    rows = tf.data.Dataset.range(len(split)).shuffle(len(split), seed=plan.seed).repeat()
    rows = rows.batch(min(plan.batch_size, len(split)), drop_remainder=True)
    return tf.data.Dataset.zip(tf.data.Dataset.counter(), rows).map(prepare).prefetch(4)


def _augment(images: tf.Tensor, plan: TrainingPlan, seed: tf.Tensor) -> tf.Tensor:
    """Shift and mirror each image by itself, as a function of the seed alone."""
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    draws = tf.random.stateless_uniform(
        (count, 3), seed, maxval=2 * (2 * plan.max_shift + 1), dtype=tf.int32
    )
    offsets = draws % (2 * plan.max_shift + 1)
    rows = offsets[:, :1] + tf.range(height)
    columns = offsets[:, 1:2] + tf.range(width)
    if plan.mirror:
        columns = tf.where(draws[:, 2:] % 2 == 1, columns[:, ::-1], columns)
    margin = [plan.max_shift, plan.max_shift]
    padded = tf.pad(images, [[0, 0], margin, margin, [0, 0]])
    moved = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.cast(tf.gather(moved, columns, axis=2, batch_dims=1), tf.float32)


TURNS = 4
"""So many ways there are to turn an image: a task that needs no labels."""


def turn(images: tf.Tensor, turns: tf.Tensor) -> tf.Tensor:
    """Return images turned by 0, 90, 180 or 270 degrees; those that are not square are flipped.

    Args:
        images: (n, height, width, channels).
        turns: int32 (n,), from 0 to 3. Without a square 1 is upside down, 2 mirrored, 3 both.

    References:
        Gidaris et al. 2018, arXiv 1803.07728.
    """
    height, width = images.shape[1:3]
    if height == width:
        turned = [tf.image.rot90(images, k) for k in range(TURNS)]
    else:
        turned = [images, images[:, ::-1], images[:, :, ::-1], images[:, ::-1, ::-1]]
    return tf.gather(tf.stack(turned, axis=1), turns, axis=1, batch_dims=1)


def _turned(split: Split) -> Split:
    """Return a split whose labels say how its images were turned, each in one way."""
    turns = (np.arange(len(split)) % TURNS).astype(np.int32)
    images = turn(tf.constant(split.images), tf.constant(turns)).numpy()
    return dataclasses.replace(split, images=images, labels=turns)


MIN_SIDE = 4
_INSTEAD = (
    "train none and score by the Inception network, which needs no labels: --extractor inception "
    "--weights PATH"
)

Builder = Callable[[tuple[int, int, int], int], keras.Model]


def train_extractor(
    dataset: ImageDataset,
    folder: Path,
    *,
    plans: Sequence[TrainingPlan],
    report: Report,
    build: Builder = build_classifier,
    estimate: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Train a network on the training split, state its accuracy on the test split, write both.

    Args:
        dataset: A labelled data set, unless the task needs no labels.
        folder: Receives `weights.npz` and `extractor.json`.
        plans: One or more stages; each goes on from the weights of the one before it, with a
            new optimizer and new random streams (warm restarts; Loshchilov & Hutter 2017,
            arXiv 1608.03983). A stage whose validation accuracy no longer improves ends early.
        report: Called with (epoch from 1, training accuracy, validation accuracy).
        build: The architecture; `load_extractor` reads those of `ARCHITECTURES`.
        estimate: Called once, in the first epoch, with the seconds that a step takes; never where
            there are few steps.

    Returns:
        What `extractor.json` holds: id, hash, shape, number of classes, accuracy, plans.

    Raises:
        DataError: If the data set has no two classes, or images of less than four pixels a side.
        StorageError: If the folder cannot be written, or holds an extractor already.
    """
    task, test = plans[0].task, dataset.test
    if task == "turns":
        test = _turned(test)
    elif dataset.class_names is None or test.labels is None:
        raise DataError(
            f"{dataset.name}: an extractor is trained on labelled images; received none with "
            f"labels. Add an array `labels` to the file or a subfolder a class, or {_INSTEAD}."
        )
    elif dataset.num_classes < 2:
        raise DataError(
            f"{dataset.name}: all images are of one class, {dataset.class_names[0]}; expected at "
            f"least two: a classifier of one learns nothing, and FID through it would mean "
            f"nothing. Sort the images into more classes, or {_INSTEAD}."
        )
    if min(dataset.image_shape[:2]) < MIN_SIDE:
        raise DataError(
            f"{dataset.name}: the classifier halves images twice, so their sides must be at "
            f"least {MIN_SIDE}; received {dataset.image_shape}. Enlarge them."
        )
    _claim(folder)
    weights = None
    for plan in plans:
        keras.utils.set_random_seed(plan.seed)
        model = build(dataset.image_shape, TURNS if task == "turns" else dataset.num_classes)
        if weights is not None:
            model.set_weights(weights)
        train_classifier(
            model,
            plan,
            train=dataset.train,
            validation=dataset.validation,
            callbacks=_callbacks(plan, report, estimate if weights is None else None),
        )
        weights = model.get_weights()
    sha256 = write_weights(model, folder / WEIGHTS_FILE)
    kind = "turns" if task == "turns" else model.name
    identifier = f"{dataset.name}_{kind}_{sha256[:8]}"
    predicted = Extractor(identifier, sha256, model).predict(test.images)
    record = {
        "id": identifier,
        "sha256": sha256,
        "dataset": dataset.name,
        "train_sha256": dataset.train.sha256,
        "architecture": model.name,
        "task": task,
        "image_shape": list(dataset.image_shape),
        "num_classes": int(model.output_shape[1][-1]),
        "parameters": model.count_params(),
        "test_accuracy": round(float((predicted == test.labels).mean()), 4),
        "plans": [dataclasses.asdict(plan) for plan in plans],
    }
    write_json(folder / RECORD_FILE, record)
    return record


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
