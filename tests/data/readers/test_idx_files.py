"""Load a user's own idx files: a folder of Fashion-MNIST's form, or one file of images."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.datasets import load_dataset
from harness.data.readers.idx_files import load_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (42, 8, 8), dtype=np.uint8)
LABELS = (np.arange(42) % 3).astype(np.uint8)


def write(path: Path, array: np.ndarray) -> Path:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    content = bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def fill(folder: Path, suffix: str = "") -> Path:
    folder.mkdir()
    write(folder / f"train-images-idx3-ubyte{suffix}", IMAGES)
    write(folder / f"train-labels-idx1-ubyte{suffix}", LABELS)
    write(folder / f"t10k-images-idx3-ubyte{suffix}", IMAGES[:6])
    write(folder / f"t10k-labels-idx1-ubyte{suffix}", LABELS[:6])
    return folder


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_four_files(tmp_path: Path, suffix: str):
    dataset = load_dataset(f"idx:{fill(tmp_path / 'kana', suffix)}")
    assert (dataset.name, dataset.class_names) == ("kana", ("0", "1", "2"))
    np.testing.assert_array_equal(dataset.test.images[..., 0], IMAGES[:6])
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


def test_labels_with_gaps_keep_their_names(tmp_path: Path):
    folder = fill(tmp_path / "letters")
    write(folder / "train-labels-idx1-ubyte", LABELS * 5 + 1)
    write(folder / "t10k-labels-idx1-ubyte", LABELS[:6] * 5 + 1)
    assert load_idx(folder).class_names == ("1", "6", "11")
    kept = load_dataset(f"idx:{folder}?classes=6,11")
    assert kept.class_names == ("6", "11")
    assert set(kept.train.labels.tolist()) == {0, 1}
    assert len(kept.test) == 4


def test_colour_images_have_a_fourth_dimension(tmp_path: Path):
    path = write(tmp_path / "a-images-idx4-ubyte", np.zeros((12, 4, 4, 3), np.uint8))
    assert load_dataset(f"idx:{path}").image_shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "train-labels-idx1-ubyte",
            LABELS[:5],
            r"train-labels.*: holds labels of shape \(5,\) fo",
        ),
        ("t10k-images-idx3-ubyte", IMAGES[:6, :4], r"test images have the shape \(4, 8, 1\), the train"),
        ("t10k-labels-idx1-ubyte", LABELS[:6] + 7, "labels 7, 8, 9 occur in the test images only"),
        ("train-images-idx3-ubyte", LABELS, r"expected images of shape .* received \(42,\)"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, name: str, content: np.ndarray, message: str
):
    folder = fill(tmp_path / "kana")
    write(folder / name, content)
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
