import dataclasses
import json

import numpy as np
import pytest

from harness.core.errors import DataError, StorageError
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.classifier_training import TrainingPlan
from harness.metrics.extractors.extractor_training import train_extractor
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
