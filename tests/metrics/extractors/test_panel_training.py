import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from harness.core.errors import ConfigError, StorageError
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.extractor_training import turn
from harness.metrics.extractors.panel import load_panel
from harness.metrics.extractors.panel_training import fit_pixels, train_panel


@pytest.fixture(scope="module")
def trained(tiny_splits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel") / "tiny"
    heard = []
    record = train_panel(
        tiny_splits, folder, epochs=4, mirror=False, report=lambda *values: heard.append(values)
    )
    return folder, record, heard


def test_it_writes_what_load_panel_reads(trained, tiny_splits, tmp_path):
    folder, record, heard = trained
    panel = load_panel(folder)
    assert record == json.loads((folder / "extractor.json").read_text())
    assert panel.name == record["id"] == f"tiny_panel_{record['sha256'][:8]}"
    assert [*record["judges"]] == ["classifier_labels", "stacked_labels"]
    assert {name for name, *_ in heard} == set(record["judges"])
    evaluator = Evaluator(tiny_splits, extractor=folder, num_images=90, cache_dir=tmp_path)
    score = evaluator.score(tiny_splits.train.images[:90], kimg=0, noise_seed=0)
    assert len(score.members) == 2
    assert evaluator.label_accuracy(tiny_splits.test.images, tiny_splits.test.labels) > 0.5


def test_the_same_command_goes_on_with_the_members_that_are_missing(trained, tiny_splits):
    folder, record, _ = trained
    (folder / "extractor.json").unlink()
    heard = []
    again = train_panel(
        tiny_splits, folder, epochs=4, mirror=False, report=lambda *values: heard.append(values)
    )
    assert heard == []
    assert again == record
    with pytest.raises(StorageError, match="holds an extractor already"):
        train_panel(tiny_splits, folder, epochs=4, mirror=False, report=print)


def test_another_plan_for_a_begun_panel_is_refused(trained, tiny_splits):
    folder, _, _ = trained
    kept = (folder / "extractor.json").read_text()
    (folder / "extractor.json").unlink()
    try:
        with pytest.raises(StorageError, match="was trained by another plan"):
            train_panel(tiny_splits, folder, epochs=5, mirror=False, report=print)
    finally:
        (folder / "extractor.json").write_text(kept)


def test_an_exchanged_member_is_refused(trained, tmp_path):
    folder, record, _ = trained
    path = folder / "extractor.json"
    kept = path.read_text()
    path.write_text(json.dumps({**record, "judges": record["judges"][::-1]}))
    try:
        with pytest.raises(ConfigError, match="One was exchanged"):
            load_panel(folder)
    finally:
        path.write_text(kept)


@pytest.mark.slow
def test_images_without_labels_are_judged_by_how_they_are_turned(tiny_splits, tmp_path):
    bare = {
        name: dataclasses.replace(getattr(tiny_splits, name), labels=None)
        for name in ("train", "validation", "test")
    }
    dataset = dataclasses.replace(tiny_splits, **bare, class_names=None)
    record = train_panel(dataset, tmp_path / "bare", epochs=4, report=lambda *values: None)
    assert record["judges"] == ["classifier_turns", "stacked_turns"]
    panel = load_panel(tmp_path / "bare")
    assert panel.see(dataset.test.images)[0][1] is None  # it knows no classes


def test_images_are_turned_by_quarters():
    image = tf.constant(np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1))
    turned = turn(tf.repeat(image, 4, axis=0), tf.range(4))[..., 0].numpy().tolist()
    # [[0, 1], [2, 3]] against the clock: the right column becomes the top row.
    assert turned == [[[0, 1], [2, 3]], [[1, 3], [0, 2]], [[3, 2], [1, 0]], [[2, 0], [3, 1]]]


def test_images_that_are_not_square_are_flipped():
    image = tf.constant(np.arange(2, dtype=np.uint8).reshape(1, 1, 2, 1))
    turned = turn(tf.repeat(image, 4, axis=0), tf.range(4))[..., 0].numpy().tolist()
    assert turned == [[[0, 1]], [[0, 1]], [[1, 0]], [[1, 0]]]


def test_pixels_are_seen_by_their_principal_components(tiny_splits, tmp_path):
    fit_pixels(tiny_splits, tmp_path)
    (extractor,) = load_panel(tmp_path).judges
    images = tiny_splits.train.images
    features = extractor.features(images).astype(np.float64)
    # Uncorrelated, and the first components hold the most variance: those of the three classes.
    covariance = np.cov(features, rowvar=False)
    variances = np.diag(covariance)
    assert (np.diff(variances) <= 1e-6 * variances[0]).all()
    assert np.abs(covariance - np.diag(variances)).max() < 1e-3 * variances[0]
    total = (images.reshape(len(images), -1) / 255).var(axis=0, ddof=1).sum()
    assert 0.5 * total < variances.sum() <= total * (1 + 1e-6)
