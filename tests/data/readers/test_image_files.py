import numpy as np
import pytest
from PIL import Image

from harness.core.errors import DataError
from harness.data.fitting import ImageForm
from harness.data.readers.image_files import read_images

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 12, 3), dtype=np.uint8)


def write_folder(folder, images):
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{number}.png")
    return folder


def read(path, *arguments):
    found = read_images(path, *arguments)
    return found.images, found.labels


def test_reads_an_npz_with_labels(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=[3, 1, 0, 2])
    images, labels = read(tmp_path / "a.npz")
    np.testing.assert_array_equal(images, IMAGES)
    assert labels.tolist() == [3, 1, 0, 2]
    assert labels.dtype == np.int32


def test_an_npz_of_grey_images_gets_its_channel(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES[..., 0])
    images, labels = read(tmp_path / "a.npz")
    assert images.shape == (4, 8, 12, 1)
    assert labels is None


@pytest.mark.parametrize(
    "labels",
    [
        np.array([[3], [1], [0], [2]]),
        np.array([3.0, 1.0, 0.0, 2.0]),
        np.eye(4)[[3, 1, 0, 2]],
        np.eye(4, dtype=bool)[[3, 1, 0, 2]],
        np.array([3, 1, 0, 2], np.uint64),
    ],
)
def test_labels_come_in_several_forms(tmp_path, labels):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    assert read(tmp_path / "a.npz", tuple("abcd"))[1].tolist() == [3, 1, 0, 2]


def test_reads_a_folder_in_the_order_of_the_names(tmp_path):
    folder = write_folder(tmp_path / "made", IMAGES)
    images, labels = read(folder)
    np.testing.assert_array_equal(images, IMAGES)
    assert labels is None


def test_subfolders_are_classes_by_name_or_number(tmp_path):
    write_folder(tmp_path / "made" / "cat", IMAGES[:1])
    write_folder(tmp_path / "made" / "0", IMAGES[1:3])
    found = read_images(tmp_path / "made", ("dog", "cat"))
    assert found.labels.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(found.images[2], IMAGES[0])
    line = found.describe(("dog", "cat"))
    assert line == "3 images of 12 x 8, RGB, in [0, 255], 2 classes (dog: 2, cat: 1)"


def test_a_number_that_is_a_name_elsewhere_is_no_number(tmp_path):
    for name in "012":
        write_folder(tmp_path / name, IMAGES[:1])
    with pytest.raises(
        DataError, match=r"no class '0'; expected some of 1, 2, 3\. Use their names"
    ):
        read_images(tmp_path, ("1", "2", "3"))


def test_two_folders_of_one_class_are_refused(tmp_path):
    for name in ("1", "cat"):
        write_folder(tmp_path / name, IMAGES[:1])
    with pytest.raises(DataError, match="cat: means the class cat, as 1 beside it does"):
        read_images(tmp_path, ("dog", "cat"))


def test_a_folder_around_all_images_says_nothing_of_them_unless_it_is_a_class(tmp_path):
    write_folder(tmp_path / "made" / "samples", IMAGES)
    assert read(tmp_path / "made", ("dog", "cat"))[1] is None
    (tmp_path / "made" / "samples").rename(tmp_path / "made" / "cat")
    assert read(tmp_path / "made", ("dog", "cat"))[1].tolist() == [1] * 4


def test_what_systems_leave_is_passed_over_and_named(tmp_path):
    folder = write_folder(tmp_path / "made" / "cat", IMAGES)
    (tmp_path / "made" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "made" / "__MACOSX").mkdir()
    (tmp_path / "made" / "$RECYCLE.BIN").mkdir()
    (folder / "._0.png").write_bytes(b"\0\5\x16\7")
    found = read_images(tmp_path / "made", ("dog", "cat"))
    assert found.passed_over == ("$RECYCLE.BIN", ".ipynb_checkpoints", "__MACOSX", "cat/._0.png")
    assert found.describe(("dog", "cat")).endswith(
        "1 classes (cat: 4); passed over: $RECYCLE.BIN, .ipynb_checkpoints, __MACOSX, cat/._0.png"
    )


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "caf\udce9"])
def test_a_class_that_no_data_set_can_name_is_refused(tmp_path, name):
    write_folder(tmp_path / "made" / name, IMAGES[:1])
    with pytest.raises(DataError, match=r"the class name .* is no single line of UTF-8 text"):
        read_images(tmp_path / "made", (name, "cat"))


def test_classes_mean_nothing_where_the_data_set_has_none(tmp_path):
    for name in ("cat", "dog"):
        write_folder(tmp_path / name, IMAGES[:1])
    with pytest.raises(DataError, match=r"while the data set has no classes\. Put all images"):
        read_images(tmp_path, None)


def test_images_are_brought_to_the_form_asked_for(tmp_path):
    folder = write_folder(tmp_path / "made", [IMAGES[0], IMAGES[1, :6]])
    images, _ = read(folder, None, ImageForm(4, channels=1))
    assert images.shape == (2, 4, 4, 1)
    np.savez(tmp_path / "a.npz", images=IMAGES)
    assert read(tmp_path / "a.npz", None, ImageForm(4))[0].shape == (4, 4, 4, 3)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": IMAGES}, "an array named `images`; received pictures"),
        ({"images": IMAGES / 255 * 3 - 1.5}, "it is not clear which range"),
        ({"images": IMAGES[0, 0]}, "must have the shape .* received"),
        ({"images": IMAGES, "labels": [1, 2]}, "must be one whole number an image"),
        ({"images": IMAGES, "labels": [-1, 0, 0, 0]}, "from 0 to 3; received -1 to 0"),
        ({"images": IMAGES, "labels": [4, 0, 0, 0]}, "from 0 to 3; received 0 to 4"),
        ({"images": IMAGES, "labels": [2**32 + 3, 0, 0, 0]}, "received 4294967299 for image 0"),
        ({"images": IMAGES, "labels": [0, 0.5, 0, 0]}, r"received 0\.5 for image 1"),
        ({"images": IMAGES, "labels": [0, 0, np.nan, 0]}, "received nan for image 2"),
        ({"images": IMAGES, "labels": np.full((4, 2), 0.5)}, "rows of 2 values that are not one-"),
        ({"images": IMAGES, "labels": list("abcd")}, r"np\.unique\(labels, return_inverse=True\)"),
        ({}, "an array named `images`; received none"),
        ({"images": IMAGES[:0]}, "must have the shape"),
        ({"images": IMAGES * np.uint16(257)}, "Divide 16-bit ones by 257"),
        ({"images": np.array([{}], dtype=object)}, "object"),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path / "a.npz", tuple("abcd"))


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
def test_masks_are_black_and_white(tmp_path, kind):
    masks = (IMAGES > 127).astype(kind)
    np.savez(tmp_path / "a.npz", images=masks)
    found = read_images(tmp_path / "a.npz")
    assert found.pixel_range == "0,1"
    np.testing.assert_array_equal(found.images, masks * 255)


def test_damaged_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged, or another kind of file"):
        read_images(tmp_path / "a.npz")
    folder = write_folder(tmp_path / "made", IMAGES)
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"1\.png: cannot be read as an image"):
        read_images(folder)


def test_what_is_no_image_source_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is empty; expected images"):
        read_images(tmp_path / "empty")
    with pytest.raises(DataError, match="nothing of that name"):
        read_images(tmp_path / "missing.npz")
    for name in ("cat", "fish"):
        write_folder(tmp_path / "made" / name, IMAGES)
    with pytest.raises(DataError, match="no class 'fish'; expected some of 0 dog, 1 cat"):
        read_images(tmp_path / "made", ("dog", "cat"))
