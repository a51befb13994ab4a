from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.errors import DataError
from harness.data.readers.image_files import read_images

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 12, 3), dtype=np.uint8)


def write_folder(folder, images):
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{number}.png")
    return folder


def test_reads_an_npz_with_labels(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=[3, 1, 0, 2])
    images, labels = read_images(tmp_path / "a.npz")
    np.testing.assert_array_equal(images, IMAGES)
    assert labels.tolist() == [3, 1, 0, 2]
    assert labels.dtype == np.int32


def test_an_npz_of_grey_images_gets_its_channel(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES[..., 0])
    images, labels = read_images(tmp_path / "a.npz")
    assert images.shape == (4, 8, 12, 1)
    assert labels is None


def test_reads_a_folder_in_the_order_of_the_names(tmp_path):
    folder = write_folder(tmp_path / "made", IMAGES)
    (folder / "notes.txt").write_text("not an image")
    images, labels = read_images(folder)
    np.testing.assert_array_equal(images, IMAGES)
    assert labels is None


def test_subfolders_are_classes_by_name_or_number(tmp_path):
    write_folder(tmp_path / "made" / "cat", IMAGES[:1])
    write_folder(tmp_path / "made" / "0", IMAGES[1:3, ..., :1])
    with pytest.raises(DataError, match="one size and one mode"):
        read_images(tmp_path / "made", ("dog", "cat"))
    write_folder(tmp_path / "same" / "cat", IMAGES[:1])
    write_folder(tmp_path / "same" / "0", IMAGES[1:3])
    images, labels = read_images(tmp_path / "same", ("dog", "cat"))
    assert labels.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(images[2], IMAGES[0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": IMAGES}, "an array named `images`; received pictures"),
        ({"images": IMAGES / 255}, "must be uint8 .* received float64"),
        ({"images": IMAGES[0, 0]}, "must have the shape .* received"),
        ({"images": IMAGES, "labels": [1, 2]}, "must be one integer an image"),
        ({"images": IMAGES, "labels": [-1, 0, 0, 0]}, "must be integers from 0 on; received -1"),
        ({"images": np.array([{}], dtype=object)}, "object"),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path / "a.npz")


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


def test_palettes_are_refused(tmp_path):
    (tmp_path / "made").mkdir()
    Image.fromarray(IMAGES[0]).convert("P").save(tmp_path / "made" / "0.png")
    with pytest.raises(DataError, match=r"8-bit gray \(L\) or RGB; received mode P"):
        read_images(tmp_path / "made")


def test_what_is_no_image_source_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path / "empty")
    with pytest.raises(DataError, match="nothing of that name"):
        read_images(tmp_path / "missing.npz")
    write_folder(tmp_path / "made" / "fish", IMAGES)
    with pytest.raises(DataError, match="expected one of dog, cat"):
        read_images(tmp_path / "made", ("dog", "cat"))


def test_an_image_that_claims_too_many_pixels_is_not_decoded(tmp_path: Path):
    # 8,192 x 4,096 white pixels: 4 kB on disk, 32 MB decoded.
    Image.new("1", (8192, 4096)).convert("L").save(tmp_path / "a.png", optimize=True)
    with pytest.raises(DataError, match="claims 8192 x 4096 pixels"):
        read_images(tmp_path)


def test_damage_that_the_decoder_would_guess_around_is_refused(tmp_path: Path):
    Image.new("L", (8, 8)).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    # An entry of the directory whose data would lie far beyond the end of the file.
    (tmp_path / "a.tif").write_bytes(content.replace(b"\x11\x01\x04\0\x01", b"\x11\x01\x04\0\xff"))
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_images(tmp_path)
