"""Divide images: disjoint, in proportion, stratified, and the same every time."""

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.image_dataset import ImageDataset, Split
from harness.data.source import Source
from harness.data.splitting import hold_out, split_dataset


def divide(pool: Split, *, shares: tuple[int, ...] = (), **given) -> ImageDataset:
    return split_dataset(Source(pool, **given), shares)


def numbered(counts: list[int], name: str = "pool") -> Split:
    """Return one image a number, so that each can be told apart, of classes of these sizes."""
    total = sum(counts)
    images = np.zeros((total, 4, 4, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(total) % 256, np.arange(total) // 256
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    order = np.random.default_rng(0).permutation(total)
    return Split(name, images[order], labels[order])


def numbers(split: Split) -> list[int]:
    return (split.images[:, 0, 0, 0] + 256 * split.images[:, 0, 1, 0].astype(int)).tolist()


def parts(dataset) -> list[Split]:
    return [dataset.train, dataset.validation, dataset.test]


def test_the_lowest_hashes_of_each_class_are_chosen():
    # SHA-256 of "o/0" to "o/3" begins 984e, d79e, 7761, 8833: the lower of the first two is the
    # first, of the last two the third.
    chosen = hold_out(np.array([5, 5, 9, 9]), "o", lambda size: size // 2)
    assert chosen.tolist() == [True, False, True, False]


def test_parts_are_sevenths_of_each_class_and_disjoint():
    dataset = divide(numbered([70, 140]), class_names=("a", "b"))
    counts = [np.bincount(split.labels).tolist() for split in parts(dataset)]
    # 70 and 140: a seventh is 10 and 20, the rest 50 and 100.
    assert counts == [[50, 100], [10, 20], [10, 20]]
    assert sorted(number for split in parts(dataset) for number in numbers(split)) == list(
        range(210)
    )
    assert [split.name for split in parts(dataset)] == [
        "pool/train", "pool/validation", "pool/test"
    ]  # fmt: skip
    assert (dataset.name, dataset.num_classes) == ("pool", 2)


def test_labels_stay_with_their_images():
    dataset = divide(numbered([70, 140]), class_names=("a", "b"))
    for split in parts(dataset):
        assert split.labels.tolist() == [int(number >= 70) for number in numbers(split)]


def test_the_same_content_is_divided_alike_and_any_change_changes_the_choice():
    pool = numbered([100, 100])
    first, again = (divide(pool, class_names=("a", "b")) for _ in range(2))
    assert [s.sha256 for s in parts(first)] == [s.sha256 for s in parts(again)]
    assert numbers(first.validation)[:6] == [159, 0, 117, 191, 138, 119]  # on any machine
    row = next(i for i, image in enumerate(pool.images) if image[0, 0, 0] == 3)
    images = pool.images.copy()
    images[row, 3, 3, 0] = 1
    changed = divide(Split("pool", images, pool.labels), class_names=("a", "b"))
    assert set(numbers(changed.validation)) != set(numbers(first.validation))


def test_without_labels_the_whole_is_divided():
    pool = numbered([77])
    dataset = divide(Split("pool", pool.images))
    assert [len(split) for split in parts(dataset)] == [55, 11, 11]
    assert all(split.labels is None for split in parts(dataset))
    assert dataset.class_names is None


def test_a_given_test_split_is_kept_and_validation_is_a_sixth_of_the_rest():
    test = numbered([5, 6], "given")
    dataset = divide(numbered([60, 120]), test=test, class_names=("a", "b"))
    assert dataset.test.sha256 == test.sha256
    assert dataset.test.name == "pool/test"
    assert np.bincount(dataset.validation.labels).tolist() == [10, 20]
    assert np.bincount(dataset.train.labels).tolist() == [50, 100]


def test_another_given_test_split_changes_the_validation_split():
    one, other = (divide(numbered([60]), test=numbered([n]), class_names=("a",)) for n in (5, 6))
    assert numbers(one.validation) != numbers(other.validation)


def test_arrays_are_read_only():
    dataset = divide(numbered([70]), class_names=("a",))
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.test.labels[0] = 0


def test_each_split_needs_two_images():
    # 10 images: a seventh, 1.43, rounds to 1; of 11 it is 1.57, which rounds to 2.
    with pytest.raises(DataError, match="pool: too few images: the test split gets 1; expected"):
        divide(Split("pool", numbered([10]).images))
    dataset = divide(Split("pool", numbered([11]).images))
    assert [len(split) for split in parts(dataset)] == [7, 2, 2]


def test_three_images_of_a_class_give_each_split_one():
    dataset = divide(numbered([3, 3]), class_names=("a", "b"))
    assert [np.bincount(s.labels).tolist() for s in parts(dataset)] == [[1, 1]] * 3


@pytest.mark.parametrize("few", [1, 2])
def test_a_class_with_nothing_left_to_train_on_is_refused(few: int):
    with pytest.raises(DataError, match=r"classes \[1\] have too few images: none is left"):
        divide(numbered([30, few]), class_names=("a", "b"))


def test_shares_are_proportions_of_each_class():
    dataset = divide(numbered([40, 80]), class_names=("a", "b"), shares=(80, 15, 5))
    # 40: 5 % are 2, of the other 38 15/95 are 6, 32 stay; 80 gives twice as many.
    counts = [np.bincount(split.labels).tolist() for split in parts(dataset)]
    assert counts == [[32, 64], [6, 12], [2, 4]]
    alike = divide(numbered([40, 80]), class_names=("a", "b"), shares=(16, 3, 1))
    assert [s.sha256 for s in parts(alike)] == [s.sha256 for s in parts(dataset)]


def test_three_shares_divide_given_splits_anew_and_two_leave_the_test_images():
    given = {
        "validation": numbered([10, 10], "validation"),
        "test": numbered([20, 20], "test"),
        "class_names": ("a", "b"),
    }
    as_given = divide(numbered([30, 30]), **given)
    assert [len(split) for split in parts(as_given)] == [60, 20, 40]
    assert as_given.validation.sha256 == given["validation"].sha256
    anew = divide(numbered([30, 30]), **given, shares=(2, 1, 1))
    assert [len(split) for split in parts(anew)] == [60, 30, 30]  # of 120
    kept = divide(numbered([30, 30]), **given, shares=(3, 1))
    assert [len(split) for split in parts(kept)] == [60, 20, 40]
    assert kept.test.sha256 == given["test"].sha256
    assert kept.validation.sha256 != given["validation"].sha256


def test_two_shares_of_a_pool_take_a_seventh_for_the_test():
    dataset = divide(numbered([70]), class_names=("a",), shares=(2, 1))
    assert [len(split) for split in parts(dataset)] == [40, 20, 10]
