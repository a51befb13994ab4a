import dataclasses
import json

import keras
import numpy as np
import pytest

from harness.core.errors import DataError, StorageError
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.classifier import build_classifier
from harness.metrics.extractors.extractor_training import (
    TrainingPlan,
    _augment,
    _callbacks,
    standard_plans,
    train_classifier,
    train_extractor,
)
from harness.metrics.extractors.feature_extractor import load_extractor


def train(dataset, folder):
    plan = TrainingPlan(epochs=3, batch_size=50)
    return train_extractor(dataset, folder, plans=[plan], report=lambda *values: None)


def test_writes_what_load_extractor_reads(tiny_dataset, tmp_path):
    record = train(tiny_dataset, tmp_path)
    extractor = load_extractor(tmp_path)
    assert record == json.loads((tmp_path / "extractor.json").read_text())
    assert extractor.name == record["id"] == f"tiny_classifier_{record['sha256'][:8]}"
    accuracy = (extractor.predict(tiny_dataset.test.images) == tiny_dataset.test.labels).mean()
    assert record["test_accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_scores_carry_the_trained_extractor_in_their_name(tiny_dataset, tmp_path):
    record = train(tiny_dataset, tmp_path / "extractor")
    evaluator = Evaluator(
        tiny_dataset, extractor=tmp_path / "extractor", num_images=90, cache_dir=tmp_path
    )
    assert evaluator.protocol.name == f"fid_{record['id']}@90"
    assert evaluator.fid(tiny_dataset.train.images[:90]) < evaluator.fid(
        np.zeros((90, 8, 8, 3), np.uint8)
    )


def test_unlabelled_data_are_refused_before_training(tiny_dataset, tmp_path):
    unlabelled = dataclasses.replace(tiny_dataset, class_names=None)
    with pytest.raises(DataError, match="tiny: an extractor is trained on labelled images"):
        train(unlabelled, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_class_trains_no_extractor(tiny_dataset, tmp_path):
    one = dataclasses.replace(tiny_dataset, class_names=("all",))
    with pytest.raises(DataError, match=r"of one class, all; expected at least two: .*inception"):
        train(one, tmp_path / "extractor")
    assert not (tmp_path / "extractor").exists()


def test_a_stage_that_no_longer_improves_ends_early(tiny_dataset, tmp_path):
    epochs, steps = [], []
    train_extractor(
        tiny_dataset,
        tmp_path,
        plans=[TrainingPlan(epochs=8, batch_size=16)],
        report=lambda *values: epochs.append(values),
        estimate=steps.append,
    )
    validation = [accuracy for _, _, accuracy in epochs]
    best = validation.index(max(validation))
    assert len(epochs) == best + 1 + 4  # half of the stage is waited
    (seconds,) = steps
    assert 0 < seconds < 60
    accuracy = (
        load_extractor(tmp_path).predict(tiny_dataset.validation.images)
        == tiny_dataset.validation.labels
    ).mean()
    assert accuracy == pytest.approx(max(validation), abs=1e-4)  # the best weights are kept


def test_an_extractor_is_never_overwritten(tiny_dataset, tmp_path):
    (tmp_path / "extractor.json").write_text("{}")
    with pytest.raises(StorageError, match="holds an extractor already"):
        train(tiny_dataset, tmp_path)
    assert (tmp_path / "extractor.json").read_text() == "{}"


def test_a_folder_that_cannot_be_made_is_reported_before_training(tiny_dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be read or written"):
        train(tiny_dataset, tmp_path / "file" / "extractor")


@pytest.mark.slow
def test_a_second_stage_goes_on_from_the_first(tiny_dataset, tmp_path):
    plan = TrainingPlan(epochs=3, batch_size=50)
    accuracies = []
    record = train_extractor(
        tiny_dataset,
        tmp_path,
        plans=[plan, dataclasses.replace(plan, seed=2, learning_rate=1e-6)],
        report=lambda epoch, train, validation: accuracies.append(train),
    )
    # The second stage moves next to nothing, so it can only be as good as this by the first.
    assert len(accuracies) == 6
    assert accuracies[3] > max(0.9, accuracies[0])
    assert [entry["seed"] for entry in record["plans"]] == [1, 2]


PLAN = TrainingPlan(epochs=3, batch_size=50)


def train_model(dataset, plan=PLAN):
    keras.utils.set_random_seed(plan.seed)
    model = build_classifier(dataset.image_shape, 3)
    reports = []
    train_classifier(
        model,
        plan,
        train=dataset.train,
        validation=dataset.validation,
        callbacks=_callbacks(plan, lambda *values: reports.append(values), None),
    )
    return model, reports


def test_learns_what_can_be_learnt(tiny_dataset):
    _, reports = train_model(tiny_dataset)
    assert [epoch for epoch, _, _ in reports] == [1, 2, 3]
    assert reports[-1][1] > 0.95


@pytest.mark.slow
def test_a_seed_reproduces(tiny_dataset):
    one, other = (train_model(tiny_dataset)[0].get_weights() for _ in range(2))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


def test_unlabelled_images_are_refused(tiny_dataset):
    unlabelled = dataclasses.replace(tiny_dataset.train, labels=None)
    with pytest.raises(DataError, match="tiny/train: an extractor is trained on labelled images"):
        train_model(dataclasses.replace(tiny_dataset, train=unlabelled))


def test_shifts_move_whole_images_by_up_to_the_maximum():
    images = np.zeros((200, 7, 7, 1), np.uint8)
    images[:, 3, 3] = 9
    moved = _augment(images, TrainingPlan(max_shift=1, mirror=False), (1, 2)).numpy()
    assert (moved.sum(axis=(1, 2, 3)) == 9).all()
    places = {tuple(place) for place in np.argwhere(moved)[:, 1:3].tolist()}
    assert places == {(row, column) for row in (2, 3, 4) for column in (2, 3, 4)}


def test_mirroring_turns_about_half_of_the_images():
    images = np.zeros((400, 4, 6, 1), np.uint8)
    images[:, 1, 0] = 9
    mirrored = _augment(images, TrainingPlan(max_shift=0), (1, 2)).numpy()
    left, right = mirrored[:, 1, 0, 0] == 9, mirrored[:, 1, 5, 0] == 9
    assert (left ^ right).all()
    # 400 fair coins: 200 ± 10; five standard deviations either way.
    assert 150 < right.sum() < 250


def test_no_augmentation_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), dtype=np.uint8)
    plain = TrainingPlan(max_shift=0, mirror=False)
    np.testing.assert_array_equal(_augment(images, plain, (1, 2)), images)


@pytest.mark.parametrize(("epochs", "stages"), [(28, [16, 12]), (7, [4, 3]), (4, [2, 2])])
def test_the_stages_share_out_the_epochs(epochs, stages):
    plans = standard_plans(epochs=epochs, seed=5)
    assert [plan.epochs for plan in plans] == stages
    assert [plan.seed for plan in plans] == [5, 6]
