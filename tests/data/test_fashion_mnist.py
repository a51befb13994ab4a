import gzip

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data import fashion_mnist as module
from harness.data.fashion_mnist import FILES, find_location, load_fashion_mnist, validation_mask
from harness.data.readers.idx import read_idx

LABELS = "t10k-labels-idx1-ubyte.gz"  # the smallest file: 5 KB


def test_sizes_types_and_names(fashion_mnist):
    sizes = {"train": 50_000, "validation": 10_000, "test": 10_000}
    for name, size in sizes.items():
        split = getattr(fashion_mnist, name)
        assert split.name == f"fashion_mnist/{name}"
        assert split.images.shape == (size, 28, 28, 1)
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int32)
        assert (split.images.min(), split.images.max()) == (0, 255)
    assert fashion_mnist.image_shape == (28, 28, 1)
    assert fashion_mnist.class_names[0] == "T-shirt/top"
    assert fashion_mnist.class_names[9] == "Ankle boot"
    assert fashion_mnist.num_classes == 10


def test_stratified(fashion_mnist):
    assert np.bincount(fashion_mnist.train.labels).tolist() == [5_000] * 10
    assert np.bincount(fashion_mnist.validation.labels).tolist() == [1_000] * 10
    assert np.bincount(fashion_mnist.test.labels).tolist() == [1_000] * 10


def test_train_and_validation_are_the_published_60_000_apart(fashion_mnist, real_folder):
    images = read_idx(real_folder / "train-images-idx3-ubyte.gz")
    labels = read_idx(real_folder / "train-labels-idx1-ubyte.gz")
    mask = validation_mask(labels)
    train, validation = np.flatnonzero(~mask), np.flatnonzero(mask)
    assert not set(train) & set(validation)
    assert sorted([*train, *validation]) == list(range(60_000))
    for split, members in (
        (fashion_mnist.train, train),
        (fashion_mnist.validation, validation),
    ):
        assert np.array_equal(split.images[..., 0], images[members])
        assert np.array_equal(split.labels, labels[members])


def test_test_split_is_the_published_one(fashion_mnist, real_folder):
    assert np.array_equal(
        fashion_mnist.test.images[..., 0], read_idx(real_folder / "t10k-images-idx3-ubyte.gz")
    )


def test_splits_are_fixed(fashion_mnist):
    # Every score ever published stands on these; a change is a new semantics version.
    assert (
        fashion_mnist.train.sha256
        == "b2dc02f4838a7eed97dac93dc07ce9ccc11f2200e06bdd03705edba245b70a98"
    )
    assert (
        fashion_mnist.validation.sha256
        == "636d72b1ff7565dc6936067a0f7a15526d85cd10a04764eb4d7f8a52f508949d"
    )
    assert (
        fashion_mnist.test.sha256
        == "ed2fb2e398948e8568915ac50e227c694c29e44385ee2fbad73d4f1fc7f92dbe"
    )


def test_mask_takes_the_lowest_hashes_of_each_class(monkeypatch):
    monkeypatch.setattr(module, "VALIDATION_PER_CLASS", 1)
    # SHA-256 of `fashion_mnist/validation/0` ... `/3`, first bytes by `sha256sum`:
    # 8c, a0, 52, 81. Classes {0, 1} and {2, 3} give 0 and 2; {0, 3} and {1, 2} give 3 and 2.
    assert validation_mask(np.array([0, 0, 1, 1])).tolist() == [True, False, True, False]
    assert validation_mask(np.array([0, 1, 1, 0])).tolist() == [False, False, True, True]


def test_arrays_refuse_writes(fashion_mnist):
    for split in (fashion_mnist.train, fashion_mnist.validation, fashion_mnist.test):
        for array in (split.images, split.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_named_folder_comes_first(bare, link, monkeypatch):
    named, variable = link(bare / "named"), link(bare / "variable" / "fashion-mnist")
    link(module.SYSTEM_DIR)
    monkeypatch.setenv("HARNESS_DATA_DIR", str(bare / "variable"))
    assert find_location(named).folder == named
    assert find_location().folder == variable
    monkeypatch.setenv("HARNESS_DATA_DIR", "")  # empty counts as unset
    assert find_location().folder == module.SYSTEM_DIR


def test_system_package_comes_before_keras(bare, link):
    cache = link(bare / "keras" / "datasets" / "fashion-mnist")
    assert find_location().folder == cache
    link(module.SYSTEM_DIR)
    assert find_location().folder == module.SYSTEM_DIR


def test_keras_cache_lies_where_keras_looks(bare, monkeypatch):
    assert module.keras_cache() == bare / "keras" / "datasets" / "fashion-mnist"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(bare))
    assert module.keras_cache() == bare / ".keras" / "datasets" / "fashion-mnist"


def test_incomplete_folders(bare, link, monkeypatch):
    link(bare / "named")
    (bare / "named" / LABELS).unlink()
    message = rf"named \(from --data-dir\).* received no {LABELS}; expected all four of train-im"
    with pytest.raises(DataError, match=message):
        find_location(bare / "named")
    monkeypatch.setenv("HARNESS_DATA_DIR", str(bare / "nowhere"))
    with pytest.raises(
        DataError, match=r"nowhere \(from HARNESS_DATA_DIR\).*leave HARNESS_DATA_D"
    ):
        find_location()
    monkeypatch.delenv("HARNESS_DATA_DIR")
    link(module.SYSTEM_DIR)
    (module.SYSTEM_DIR / LABELS).unlink()
    with pytest.raises(DataError, match=r"system.* incomplete here.* apt-get install --reinstall"):
        find_location()


def bad_contents(real):
    packed = real.read_bytes()
    content = bytearray(gzip.decompress(packed))
    content[5_000] ^= 1  # a label that differs in one bit: 0 for 1, 8 for 9
    magic = b"\x00\x00\x0d" + gzip.decompress(packed)[3:]
    return [
        (packed[:-100], "truncated"),
        (packed[:2_000] + b"\x00" + packed[2_001:], "SHA-256|damaged"),
        (gzip.compress(bytes(content)), rf"SHA-256.*; expected {FILES[LABELS]}"),
        (gzip.compress(magic), "begins with bytes 00 00 0d 01; expected 00 00 08"),
        (b"<html>", "not gzip"),
        (b"", "begins with bytes|truncated"),
    ]


def test_a_bad_file_stops_the_search(bare, link, replace, real_folder):
    # Sound files lie in every later place: none of them may step in.
    named = link(bare / "named")
    link(module.SYSTEM_DIR)
    link(bare / "keras" / "datasets" / "fashion-mnist")
    for content, fault in bad_contents(real_folder / LABELS):
        replace(named / LABELS, content)
        with pytest.raises(DataError, match=rf"named/{LABELS}: .*({fault}).*leave --data-dir"):
            load_fashion_mnist(named)


def test_a_bad_file_of_the_package_or_the_cache_names_its_own_remedy(bare, link, replace):
    cache = link(bare / "keras" / "datasets" / "fashion-mnist")
    replace(cache / LABELS, b"<html>")
    with pytest.raises(DataError, match=r"not gzip.* Delete the file and run `make data`\."):
        load_fashion_mnist()
    link(module.SYSTEM_DIR)
    replace(module.SYSTEM_DIR / LABELS, b"<html>")
    with pytest.raises(DataError, match=r"not gzip.* apt-get install --reinstall dataset-fash"):
        load_fashion_mnist()


def test_nothing_found_names_every_way(bare):
    with pytest.raises(DataError, match="not on this machine") as caught:
        load_fashion_mnist()
    message = str(caught.value)
    for way in (
        "--data-dir",
        "HARNESS_DATA_DIR",
        "make data",
        "apt-get install dataset-fashion-mnist",
        str(bare / "keras" / "datasets" / "fashion-mnist"),
        "download failed because http://127.0.0.1:9/ did not answer: [Errno",
        *FILES,
    ):
        assert way in message
    assert not (bare / "keras").exists()


def test_reading_leaves_a_folder_as_it_was(bare, link):
    named = link(bare / "named")
    named.chmod(0o500)
    before = sorted(named.iterdir())
    assert len(load_fashion_mnist(named).train) == 50_000
    assert sorted(named.iterdir()) == before
