import dataclasses

import numpy as np
import pytest

from harness.core.errors import ConfigError, ScoreError
from harness.data.image_dataset import ImageDataset, Split
from harness.metrics.evaluator import Evaluator


@pytest.fixture(scope="module")
def evaluator(fashion_mnist, tmp_path_factory):
    return Evaluator(
        fashion_mnist, extractor="fashion_cnn", cache_dir=tmp_path_factory.mktemp("cache")
    )


@pytest.fixture
def uneven():
    """Return a data set of 28 x 28 noise whose labels are 50 %, 30 % and 20 % of 100 images."""
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    split = Split("uneven/all", images, np.repeat(np.arange(3, dtype=np.int32), [50, 30, 20]))
    return ImageDataset("uneven", split, split, split, ("a", "b", "c"))


def unlabelled(dataset):
    split = Split("bare/all", dataset.train.images)
    return ImageDataset("bare", split, split, split)


def test_the_protocol_says_what_a_score_means(evaluator, fashion_mnist, fashion_cnn):
    protocol = evaluator.protocol
    assert protocol.name == "fid_fashion_cnn@10000"
    assert protocol.extractor_sha256 == fashion_cnn.sha256
    assert protocol.reference == "fashion_mnist/validation"
    assert protocol.reference_sha256 == fashion_mnist.validation.sha256


def test_the_reference_is_at_distance_zero_from_itself(evaluator, fashion_mnist):
    assert evaluator.fid(fashion_mnist.validation.images) < 1e-6


def test_training_images_lie_nearer_than_noise(evaluator, fashion_mnist):
    floor = evaluator.fid(fashion_mnist.train.images[:10_000])
    noise = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), dtype=np.uint8)
    assert floor < 0.05 < 100 * floor < evaluator.fid(noise)


def test_a_score_carries_value_and_protocol(evaluator, fashion_mnist):
    images = fashion_mnist.train.images[:10_000]
    score = evaluator.score(images, kimg=3.5, noise_seed=7)
    assert score.value == pytest.approx(evaluator.fid(images))
    assert (score.kimg, score.noise_seed) == (3.5, 7)
    assert score.protocol == evaluator.protocol


def test_a_second_evaluator_reads_the_same_reference_from_the_cache(fashion_mnist, tmp_path):
    images = fashion_mnist.train.images[:500]
    values = [
        Evaluator(fashion_mnist, extractor="fashion_cnn", num_images=500, cache_dir=tmp_path).fid(
            images
        )
        for _ in range(2)
    ]
    assert values[0] == values[1]
    kept = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert kept == ["features", "statistics"]


def test_labels_are_drawn_as_often_as_in_the_reference(evaluator, fashion_mnist):
    assert evaluator.labels.dtype == np.int32
    np.testing.assert_array_equal(
        np.bincount(evaluator.labels), np.bincount(fashion_mnist.validation.labels)
    )


def test_label_counts_are_scaled_and_rounded_by_largest_remainder(uneven, tmp_path):
    labels = Evaluator(uneven, num_images=7, cache_dir=tmp_path).labels
    # 7 · (0.5, 0.3, 0.2) = 3.5, 2.1, 1.4: floors 3, 2, 1; the one left goes to the remainder 0.5.
    np.testing.assert_array_equal(labels, [0, 0, 0, 0, 1, 1, 2])


def test_an_unlabelled_data_set_asks_for_no_labels(uneven, tmp_path):
    evaluator = Evaluator(unlabelled(uneven), num_images=50, cache_dir=tmp_path)
    assert evaluator.labels is None
    assert evaluator.protocol.labels == "none"


def test_a_small_reference_scales_the_number_down(uneven, tmp_path):
    with pytest.warns(UserWarning, match="use 100 instead of 10000"):
        evaluator = Evaluator(uneven, cache_dir=tmp_path)
    assert evaluator.num_images == 100
    assert evaluator.protocol.name == "fid_panel@100"


def test_another_split_is_another_protocol(uneven, tmp_path):
    other = Split("uneven/test", 255 - uneven.test.images, uneven.test.labels)
    dataset = dataclasses.replace(uneven, test=other)
    fingerprints = {
        Evaluator(dataset, num_images=50, split=split, cache_dir=tmp_path).protocol.fingerprint
        for split in ("validation", "test")
    }
    assert len(fingerprints) == 2


def test_label_accuracy_on_real_images(evaluator, fashion_mnist):
    images, labels = fashion_mnist.test.images[:1_000], fashion_mnist.test.labels[:1_000]
    assert evaluator.label_accuracy(images, labels) > 0.9
    assert evaluator.label_accuracy(images, (labels + 1) % 10) < 0.1


def test_label_accuracy_needs_one_label_an_image(evaluator, fashion_mnist):
    with pytest.raises(ScoreError, match="received 3 images and int32 labels of shape"):
        evaluator.label_accuracy(fashion_mnist.test.images[:3], np.zeros(2, np.int32))


def test_another_number_of_images_is_refused(evaluator, fashion_mnist):
    with pytest.raises(ScoreError, match="expected 10000 images; received 9999"):
        evaluator.fid(fashion_mnist.train.images[:9_999])


def test_floats_are_refused(evaluator, fashion_mnist):
    with pytest.raises(ScoreError, match="must be uint8"):
        evaluator.fid(fashion_mnist.train.images[:10_000] / 255)


def test_images_of_another_shape_need_another_extractor(tiny_dataset, tmp_path):
    with pytest.raises(ConfigError, match=r"panel takes images of shape \(28, 28, 1\)"):
        Evaluator(tiny_dataset, cache_dir=tmp_path)


def test_a_score_of_one_image_is_refused(fashion_mnist, tmp_path):
    with pytest.raises(ConfigError, match="received 1; expected at least 2"):
        Evaluator(fashion_mnist, num_images=1, cache_dir=tmp_path)


def test_measures_come_from_one_pass_with_their_protocols(evaluator, fashion_mnist):
    images = fashion_mnist.train.images[:10_000]
    measured = evaluator.measure(images, fashion_mnist.train.labels[:10_000], ["fid", "classes"])
    by_name = {one.protocol.metric: one for one in measured}
    assert list(by_name)[:2] == ["fid", "fid_worst_class"]
    assert by_name["fid"].value == pytest.approx(evaluator.fid(images))
    assert len([name for name in by_name if name.startswith("fid_class_")]) == 10
    worst = max(by_name[f"fid_class_{label}"].value for label in range(10))
    assert by_name["fid_worst_class"].value == worst
    assert by_name["fid_worst_class"].quantity.note in fashion_mnist.class_names


def test_labels_in_other_proportions_give_another_protocol(uneven, tmp_path):
    evaluator = Evaluator(uneven, num_images=10, cache_dir=tmp_path)
    images = uneven.train.images[:10]
    alike = evaluator.measure(images, np.repeat([0, 1, 2], [5, 3, 2]), ["fid"])[0]
    other = evaluator.measure(images, np.repeat([0, 1, 2], [2, 3, 5]), ["fid"])[0]
    without = evaluator.measure(images, None, ["fid"])[0]
    assert alike.protocol == without.protocol == evaluator.protocol
    assert other.protocol.labels == "as given with the images"
    assert other.protocol.fingerprint != alike.protocol.fingerprint


def test_what_needs_labels_is_left_out_without_them(uneven, tmp_path):
    evaluator = Evaluator(uneven, num_images=10, cache_dir=tmp_path)
    names = {one.protocol.metric for one in evaluator.measure(uneven.train.images[:10])}
    assert "fid" in names
    assert not names & {"label_accuracy", "fid_worst_class"}


def test_memorisation_needs_a_reference_apart_from_the_training_images(uneven, tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    held_out = dataclasses.replace(uneven, test=Split("uneven/test", images))
    measured = {}
    for split in ("train", "test"):
        evaluator = Evaluator(held_out, num_images=100, split=split, cache_dir=tmp_path)
        measured[split] = evaluator.measure(uneven.train.images, None, ["memorisation"])
    assert measured["train"] == []
    assert measured["test"][0].value > 0.99  # they are the training images


def test_the_protocol_of_memorisation_holds_the_training_images_too(uneven, tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    test = Split("uneven/test", images)
    fewer = Split("uneven/fewer", uneven.train.images[:50])
    found = {}
    for train in (uneven.train, fewer):
        dataset = dataclasses.replace(uneven, train=train, test=test)
        evaluator = Evaluator(dataset, num_images=20, split="test", cache_dir=tmp_path)
        found[train.name] = evaluator.measure(images, None, ["fid", "memorisation"])
    (fid, *_, whole), (same_fid, *_, part) = found.values()
    assert whole.protocol.reference == "uneven/test against uneven/all"
    assert whole.protocol.fingerprint != part.protocol.fingerprint
    assert fid.protocol == same_fid.protocol


def test_kid_is_a_metric_of_its_own(uneven, tmp_path):
    evaluator = Evaluator(uneven, metric="kid", num_images=20, cache_dir=tmp_path)
    score = evaluator.score(uneven.train.images[:20], kimg=1.0, noise_seed=0)
    assert score.protocol.name == "kid_panel@20"
    assert score.interval[0] < score.value < score.interval[1]


def test_an_unknown_metric_or_measure_is_refused(uneven, tmp_path):
    with pytest.raises(ConfigError, match=r"metric: received 'fidd'; expected fid or kid\. Did"):
        Evaluator(uneven, metric="fidd", cache_dir=tmp_path)
    evaluator = Evaluator(uneven, num_images=10, cache_dir=tmp_path)
    with pytest.raises(ConfigError, match="measures: received speed; expected some of fid"):
        evaluator.measure(uneven.train.images[:10], None, ["speed"])


def test_labels_of_no_class_are_refused(uneven, tmp_path):
    evaluator = Evaluator(uneven, num_images=10, cache_dir=tmp_path)
    with pytest.raises(ScoreError, match="labels must lie from 0 to 2; received 0 to 3"):
        evaluator.measure(uneven.train.images[:10], np.repeat([0, 3], 5), ["fid"])
