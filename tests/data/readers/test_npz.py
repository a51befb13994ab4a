"""Load data sets of the user's own from .npz files, and refuse what is none."""

from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ConfigError, DataError
from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset

COUNT = 42


def load_npz(path: Path) -> ImageDataset:
    return load_dataset(f"npz:{path}")


def images(count: int = COUNT, shape: tuple[int, ...] = (8, 12, 3)) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


LABELS = np.arange(COUNT) % 3


def save(folder: Path, name: str = "flowers.npz", **arrays: object) -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


def test_labelled_colour_images(tmp_path: Path):
    dataset = load_npz(
        save(tmp_path, images=images(), labels=LABELS, class_names=np.array(["a", "b", "c"]))
    )
    assert (dataset.name, dataset.class_names) == ("flowers", ("a", "b", "c"))
    assert dataset.image_shape == (8, 12, 3)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [30, 6, 6]
    assert dataset.train.labels.dtype == np.int32
    assert dataset.validation.name == "flowers/validation"
    original = {image.tobytes(): label for image, label in zip(images(), LABELS, strict=True)}
    for split in (dataset.train, dataset.validation, dataset.test):
        for image, label in zip(split.images, split.labels, strict=True):
            assert original.pop(image.tobytes()) == label
    assert original == {}


def test_grey_images_get_their_channel_and_classes_their_numbers(tmp_path: Path):
    path = save(tmp_path, images=images(shape=(8, 8)), labels=LABELS.astype(np.uint8))
    dataset = load_npz(path)
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.class_names == ("0", "1", "2")


def test_unlabelled_images(tmp_path: Path):
    dataset = load_npz(save(tmp_path, images=images(shape=(8, 8, 1))))
    assert dataset.class_names is None
    assert dataset.num_classes == 0
    assert dataset.train.labels is None


def test_a_given_test_split_is_kept(tmp_path: Path):
    path = save(
        tmp_path,
        train_images=images(),
        train_labels=LABELS,
        test_images=images(5),
        test_labels=np.array([2, 2, 0, 1, 1]),
    )
    dataset = load_npz(path)
    np.testing.assert_array_equal(dataset.test.images, images(5))
    assert dataset.test.labels.tolist() == [2, 2, 0, 1, 1]
    assert (len(dataset.train), len(dataset.validation)) == (36, 6)


@pytest.mark.parametrize(
    ("file", "name"),
    [("my flowers (v2).npz", "my_flowers_v2"), ("...npz", "images"), ("é.npz", "images")],
)
def test_names_are_safe_in_metrics_and_folders(tmp_path: Path, file: str, name: str):
    assert load_npz(save(tmp_path, file, images=images())).name == name


def test_it_is_found_by_its_scheme_from_the_current_folder(tmp_path: Path, monkeypatch):
    save(tmp_path, images=images(), labels=LABELS)
    monkeypatch.chdir(tmp_path)
    named = load_dataset("npz:flowers.npz")
    absolute = load_dataset(f"npz:{tmp_path / 'flowers.npz'}", tmp_path / "ignored")
    assert named.train.sha256 == absolute.train.sha256


def test_a_scheme_needs_a_path():
    with pytest.raises(ConfigError, match=r"received 'npz:'; expected .*npz:PATH"):
        load_dataset("npz:")


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, np.newaxis],
        LABELS.astype(np.float32),
        np.eye(3)[LABELS],
        np.eye(3, dtype=bool)[LABELS],
    ],
)
def test_labels_come_in_several_forms(tmp_path: Path, labels: np.ndarray):
    plain = load_npz(save(tmp_path, images=images(), labels=LABELS))
    other = load_npz(save(tmp_path, images=images(), labels=labels))
    assert other.train.sha256 == plain.train.sha256
    assert other.class_names == ("0", "1", "2")


FAULTS = {
    "no images": ({"pictures": images()}, r"expected an array `images`, .*; received pictures\."),
    "nothing": ({}, r"received no array\. Save with np\.savez"),
    "floats": ({"images": images() / 255.0}, r"uint8 from 0 to 255; received float64\. Undo"),
    "flat": (
        {"images": images(shape=(64,))},
        r"must have the shape .* \(42, 64\)\. .*images\.reshape\(-1, 8, 8\)",
    ),
    "mask": ({"images": images() // 128}, r"holds 0 and 1 alone; .* Save images \* 255\."),
    "row of labels": (
        {"images": images(), "labels": LABELS[None]},
        r"received int64 of shape \(1, 42\)\. Use labels\.reshape\(42\)\.",
    ),
    "deep one-hot": (
        {"images": images(), "labels": np.eye(3)[LABELS][:, None]},
        r"use labels\.reshape\(42, -1\)\.",
    ),
    "alpha": ({"images": images(shape=(8, 8, 4))}, r"\(42, 8, 8, 4\)\. .*drop transparency"),
    "channels first": ({"images": images(shape=(3, 8, 8))}, r"Move the channels to the end"),
    "empty": ({"images": images()[:0]}, r"received \(0, 8, 12, 3\)"),
    "misspelt": (
        {"images": images(), "label": LABELS},
        r"array 'label' that nothing reads; .* Did you mean 'labels'\?",
    ),
    "other length": (
        {"images": images(), "labels": LABELS[1:]},
        r"labels must be one whole number .*\(42,\), or .*; received int64 of shape \(41,\)",
    ),
    "soft": (
        {"images": images(), "labels": np.eye(3)[LABELS] / 2},
        r"rows of 3 values that are not one-hot",
    ),
    "fractions": ({"images": images(), "labels": LABELS / 2}, r"whole numbers .*; received 0\.5"),
    "short infinities": (
        {"images": images(), "labels": np.where(LABELS == 1, np.inf, LABELS).astype(np.float16)},
        r"whole numbers .*; received inf",
    ),
    "named": ({"images": images(), "labels": LABELS.astype(str)}, r"Turn names into numbers"),
    "from one": (
        {"images": images(), "labels": LABELS + 1},
        r"must number the classes from 0 on .*; received 1, 2, 3\. Number them anew",
    ),
    "negative": ({"images": images(), "labels": LABELS - 1}, r"received -1, 0, 1\."),
    "gap": ({"images": images(), "labels": LABELS * 2}, r"received 0, 2, 4\."),
    "huge": (
        {"images": images(), "labels": LABELS.astype(np.uint64) + np.uint64(2**63)},
        r"received 9223372036854775808 for image 0\.",
    ),
    "too few names": (
        {"images": images(), "labels": LABELS, "class_names": np.array(["a", "b"])},
        r"one for each class name .*; received 0, 1, 2\.",
    ),
    "numbered names": (
        {"images": images(), "labels": LABELS, "class_names": np.arange(3)},
        r"class_names must be one text a class, of shape \(k,\), .*; received int64",
    ),
    "names without labels": (
        {"images": images(), "class_names": np.array(["a"])},
        r"holds class_names but no labels",
    ),
    "objects": (
        {"images": np.array([images(), None], dtype=object)},
        r"images\.npy holds pickled Python objects",
    ),
    "too few": ({"images": images(6)}, r"too few images: the validation split gets 1"),
    "rare class": (
        {"images": images(), "labels": np.r_[np.zeros(40, int), 1, 1]},
        r"classes \[1\] have too few images",
    ),
    "half labelled": (
        {"train_images": images(), "train_labels": LABELS, "test_images": images()},
        r"only one of train_labels and test_labels",
    ),
    "two sizes": (
        {"train_images": images(), "test_images": images(shape=(8, 8, 3))},
        r"must have one size; received \(8, 8, 3\) and \(8, 12, 3\)",
    ),
    "unknown test class": (
        {
            "train_images": images(), "train_labels": LABELS,
            "test_images": images(), "test_labels": LABELS + 1,
        },
        r"test_labels must lie from 0 to 2, as train_labels do; received 1, 2, 3",
    ),
    "mixed forms": ({"images": images(), "test_images": images()}, r"'test_images' that nothing"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_one_message_that_names_the_file(tmp_path: Path, fault: str):
    arrays, message = FAULTS[fault]
    with pytest.raises(DataError, match=message) as error:
        load_npz(save(tmp_path, **arrays))
    assert "flowers" in str(error.value)


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(DataError, match=r"absent\.npz: no such file"):
        load_npz(tmp_path / "absent.npz")
