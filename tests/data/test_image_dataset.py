import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.image_dataset import ImageDataset, Split, check_sides

IMAGES = np.zeros((4, 8, 12, 3), np.uint8)
LABELS = np.array([0, 1, 0, 1], np.int32)


def test_hash_covers_images_labels_and_shape():
    base = Split("a/train", IMAGES, LABELS)
    brighter = IMAGES.copy()
    brighter[3, 7, 11, 2] = 1
    others = [
        Split("a/train", brighter, LABELS),
        Split("a/train", IMAGES, LABELS[::-1]),
        Split("a/train", IMAGES, None),
        Split("a/train", IMAGES.reshape(4, 12, 8, 3), LABELS),
    ]
    assert len({base.sha256, *(split.sha256 for split in others)}) == 5
    assert Split("another name", IMAGES.copy(), LABELS.copy()).sha256 == base.sha256


def test_hash_does_not_depend_on_memory_layout():
    flipped = np.asfortranarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3, 1))
    assert Split("a", flipped).sha256 == Split("a", np.ascontiguousarray(flipped)).sha256


@pytest.mark.parametrize(
    "images", [IMAGES.astype(np.float32), IMAGES[..., 0], np.zeros((4, 8, 8, 2), np.uint8)]
)
def test_other_forms_are_refused(images):
    with pytest.raises(DataError, match=r"a/train: images must be uint8 of shape"):
        Split("a/train", images)


def test_one_label_an_image():
    with pytest.raises(DataError, match=r"4 images and labels of shape \(3,\)"):
        Split("a/train", IMAGES, LABELS[:3])


def test_shape_and_classes():
    split = Split("a", IMAGES)
    dataset = ImageDataset("a", split, split, split, ("x", "y"))
    assert (dataset.image_shape, dataset.num_classes) == ((8, 12, 3), 2)
    assert ImageDataset("a", split, split, split).num_classes == 0


def test_sides_that_networks_cannot_halve_twice_are_refused_with_their_origin():
    odd = Split("a", np.zeros((4, 30, 32, 1), np.uint8))
    dataset = ImageDataset("flowers", odd, odd, odd)
    for origin, named in (("", "flowers"), ("npz:data/flowers.npz", "npz:data/flowers.npz")):
        with pytest.raises(DataError, match=f"^{named}: images are 30 x 32 .* --image-size 28"):
            check_sides(dataset, origin)
    even = Split("a", IMAGES)
    dataset = ImageDataset("a", even, even, even)
    assert check_sides(dataset) is dataset
