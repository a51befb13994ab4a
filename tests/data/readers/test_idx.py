import gzip
import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.datasets import load_dataset
from harness.data.readers.idx import load_idx, read_idx

# Magic: two zero bytes, 08 for unsigned bytes, 03 dimensions; then 2 images of 2 rows, 3 columns.
IMAGES = bytes([0, 0, 8, 3]) + bytes([0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(12))


def write(folder, content, name="images.idx"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "pack"), [("a.idx", bytes), ("a.gz", gzip.compress)])
def test_values_come_in_c_order(tmp_path, name, pack):
    images = read_idx(write(tmp_path, pack(IMAGES), name))
    assert images.dtype == np.uint8
    assert images.tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
    assert not images.flags.writeable


def test_hash_is_that_of_the_decompressed_bytes(tmp_path):
    digest = hashlib.sha256(IMAGES).hexdigest()
    for level in (1, 9):
        path = write(tmp_path, gzip.compress(IMAGES, level, mtime=level), f"{level}.gz")
        assert read_idx(path, sha256=digest).shape == (2, 2, 3)


def test_one_changed_bit_is_named_with_both_hashes(tmp_path):
    changed = IMAGES[:-1] + bytes([IMAGES[-1] ^ 1])
    path = write(tmp_path, gzip.compress(changed), "a.gz")
    expected, received = (hashlib.sha256(content).hexdigest() for content in (IMAGES, changed))
    message = rf"a\.gz: SHA-256.* is {received}; expected {expected}\. Ask Zoe\."
    with pytest.raises(DataError, match=message):
        read_idx(path, sha256=expected, remedy="Ask Zoe.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"begins with bytes \(none\); expected 00 00 08"),
        (b"\x00\x00\x0d\x03" + IMAGES[4:], "begins with bytes 00 00 0d 03"),
        (b"\x89PNG\r\n", "begins with bytes 89 50 4e 47"),
        (b"\x00\x00\x08\x00", "claims 0 dimensions; expected 1 to 4"),
        (b"\x00\x00\x08\xff" + bytes(2000), "claims 255 dimensions"),
        (IMAGES[:9], "ends inside its header; expected 3 sizes"),
        (IMAGES[:4] + bytes(12), r"claims the shape \(0, 0, 0\)"),
        (IMAGES[:-1], r"11 values follow a header that promises 12, of shape \(2, 2, 3\)"),
        (IMAGES + b"\x00", "more values follow a header that promises 12"),
        # 4,294,967,295 images of 65,535 x 65,535 in 12 bytes: nothing may be allocated for that.
        (
            IMAGES[:4] + b"\xff\xff\xff\xff" + b"\x00\x00\xff\xff" * 2 + IMAGES[16:],
            "GiB of memory",
        ),
    ],
)
def test_header_and_size_faults(tmp_path, content, message):
    for name, pack in (("images.idx", bytes), ("images.idx.gz", gzip.compress)):
        with pytest.raises(DataError, match=message):
            read_idx(write(tmp_path, pack(content), name))


def test_no_more_is_decompressed_than_the_header_promises(tmp_path):
    # 1 GiB of zeros after an honest header shrinks to 1 MB; read in full it would take seconds.
    bomb = gzip.compress(IMAGES) + gzip.compress(bytes(1 << 24)) * 64
    with pytest.raises(DataError, match="more values follow"):
        read_idx(write(tmp_path, bomb, "bomb.gz"))


def test_truncated_gzip(tmp_path):
    packed = gzip.compress(IMAGES)
    # The last 8 bytes are checksum and length: all values are there, and still it is not whole.
    for cut in (4, 8, 15):
        with pytest.raises(DataError, match=r"a\.gz: truncated.* Fetch the file again"):
            read_idx(write(tmp_path, packed[:-cut], "a.gz"))


def test_gzip_checksum_counts(tmp_path):
    packed = bytearray(gzip.compress(IMAGES))
    packed[-8] ^= 1  # first byte of the CRC
    with pytest.raises(DataError, match=r"damaged or not gzip \(CRC check failed"):
        read_idx(write(tmp_path, bytes(packed), "a.gz"))


def test_not_gzip(tmp_path):
    with pytest.raises(DataError, match=r"page\.gz: damaged or not gzip \(Not a gzipped file"):
        read_idx(write(tmp_path, b"<html>log in</html>", "page.gz"))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"none\.gz: no such file"):
        read_idx(tmp_path / "none.gz")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        read_idx(tmp_path)


# A folder of Fashion-MNIST's form, or one file of images

ARRAY = np.random.default_rng(0).integers(0, 256, (42, 8, 8), dtype=np.uint8)
LABELS = (np.arange(42) % 3).astype(np.uint8)


def write_array(path: Path, array: np.ndarray) -> Path:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    content = bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def fill(folder: Path, suffix: str = "") -> Path:
    folder.mkdir()
    write_array(folder / f"train-images-idx3-ubyte{suffix}", ARRAY)
    write_array(folder / f"train-labels-idx1-ubyte{suffix}", LABELS)
    write_array(folder / f"t10k-images-idx3-ubyte{suffix}", ARRAY[:6])
    write_array(folder / f"t10k-labels-idx1-ubyte{suffix}", LABELS[:6])
    return folder


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_four_files(tmp_path: Path, suffix: str):
    dataset = load_dataset(f"idx:{fill(tmp_path / 'kana', suffix)}")
    assert (dataset.name, dataset.class_names) == ("kana", ("0", "1", "2"))
    np.testing.assert_array_equal(dataset.test.images[..., 0], ARRAY[:6])
    assert dataset.test.labels.tolist() == LABELS[:6].tolist()
    assert (len(dataset.train), len(dataset.validation)) == (36, 6)  # a sixth of 42 is 7, by
    # class 14 / 6 = 2.33, so two each


def test_one_file_takes_the_labels_beside_it(tmp_path: Path):
    folder = fill(tmp_path / "kana")
    source = load_idx(folder / "train-images-idx3-ubyte")
    assert source.test is None
    assert source.pool.name == "train-images-idx3-ubyte"
    assert source.pool.labels.tolist() == LABELS.tolist()
    alone = shutil.copy(folder / "train-images-idx3-ubyte", tmp_path / "pictures.idx")
    assert load_idx(Path(alone)).class_names is None


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("images-idx3-ubyte.gz", "labels-idx1-ubyte"),
        ("x_images.idx3-ubyte", "x_labels.idx1-ubyte.gz"),
        ("images.idx", "labels.idx"),
        ("train-images.idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels.idx1-ubyte.gz"),
        ("Train-Images.IDX3-ubyte", "Train-Labels.IDX1-ubyte"),
    ],
)
def test_labels_are_found_by_other_names_too(tmp_path: Path, images: str, labels: str):
    write_array(tmp_path / images, ARRAY)
    write_array(tmp_path / labels, LABELS)
    assert load_idx(tmp_path / images).pool.labels.tolist() == LABELS.tolist()


def test_a_folder_of_names_with_dots_is_read(tmp_path: Path):
    for part in ("train", "t10k"):
        write_array(tmp_path / f"{part}-images.idx3-ubyte", ARRAY)
        write_array(tmp_path / f"{part}-labels.idx1-ubyte", LABELS)
    assert load_idx(tmp_path).test.labels.tolist() == LABELS.tolist()


def test_labels_with_gaps_keep_their_names(tmp_path: Path):
    folder = fill(tmp_path / "letters")
    write_array(folder / "train-labels-idx1-ubyte", LABELS * 5 + 1)
    write_array(folder / "t10k-labels-idx1-ubyte", LABELS[:6] * 5 + 1)
    assert load_idx(folder).class_names == ("1", "6", "11")
    kept = load_dataset(f"idx:{folder}?classes=6,11")
    assert kept.class_names == ("6", "11")
    assert set(kept.train.labels.tolist()) == {0, 1}
    assert len(kept.test) == 4


def test_colour_images_have_a_fourth_dimension(tmp_path: Path):
    path = write_array(tmp_path / "a-images-idx4-ubyte", np.zeros((12, 4, 4, 3), np.uint8))
    assert load_dataset(f"idx:{path}").image_shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "train-labels-idx1-ubyte",
            LABELS[:5],
            r"train-labels.*: holds labels of shape \(5,\) fo",
        ),
        (
            "t10k-images-idx3-ubyte",
            ARRAY[:6, :4],
            r"test images have the shape \(4, 8, 1\), the train",
        ),
        ("t10k-labels-idx1-ubyte", LABELS[:6] + 7, "labels 7, 8, 9 occur in the test images only"),
        ("train-images-idx3-ubyte", LABELS, r"expected images of shape .* received \(42,\)"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, name: str, content: np.ndarray, message: str
):
    folder = fill(tmp_path / "kana")
    write_array(folder / name, content)
    with pytest.raises(DataError, match=message):
        load_idx(folder)


def test_missing_files_are_named(tmp_path: Path):
    folder = fill(tmp_path / "kana")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"only one of the training and the test images have"):
        load_idx(folder)
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="received no t10k-images-idx3-ubyte or t10k-images-idx3"):
        load_idx(folder)
    with pytest.raises(DataError, match="absent: received nothing of that name"):
        load_idx(tmp_path / "absent")
