"""Load MNIST and CIFAR-10 through Keras from files of the same form laid in its cache.

The published files are not at hand, and Keras compares their hashes. Where a file of the same form
is read, the expected hashes are therefore replaced, ours and Keras' own; that other files are
refused while they are in force is a test of its own.
"""

import dataclasses
import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from keras.src.backend import config
from keras.src.utils import file_utils

from harness.core.errors import DataError
from harness.data.datasets import load_dataset
from harness.data.readers import keras_sets as module

LABELS = (np.arange(10_000) % 10).astype(np.uint8)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path))  # Keras reads it when imported
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def accept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect the hash that the file in the cache has."""
    known = module.KERAS_SETS[name]
    digest = hashlib.sha256(known.path.read_bytes()).hexdigest()
    monkeypatch.setitem(module.KERAS_SETS, name, dataclasses.replace(known, sha256=digest))
    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)


def write_mnist(path: Path) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (120, 28, 28), dtype=np.uint8)
    labels = LABELS[:120]
    np.savez(path, x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    return images


def write_cifar10(path: Path) -> None:
    """Write six batches of 10,000 flat images each, whose red is the label and green the batch."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
        for number, name in enumerate(names):
            data = np.zeros((10_000, 3, 1024), np.uint8)
            data[:, 0], data[:, 1] = LABELS[:, None], number
            record = {b"data": data.reshape(10_000, 3072), b"labels": LABELS.tolist()}
            content = pickle.dumps(record, protocol=4)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_mnist(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    images = write_mnist(cache / "mnist.npz")
    accept("mnist", monkeypatch)
    dataset = load_dataset("mnist")
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.class_names == tuple("0123456789")
    # Twelve images of each class: a sixth is two.
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [100, 20, 20]
    np.testing.assert_array_equal(dataset.test.images[..., 0], images[:20])
    assert dataset.test.labels.tolist() == LABELS[:20].tolist()
    assert capsys.readouterr().out == ""


def test_cifar10(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    write_cifar10(cache / "cifar-10-batches-py-target_archive")
    accept("cifar10", monkeypatch)
    dataset = load_dataset("cifar10")
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.class_names[3] == "cat"
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [
        40_000, 10_000, 10_000
    ]  # fmt: skip
    assert np.bincount(dataset.validation.labels).tolist() == [1_000] * 10
    for split in (dataset.train, dataset.validation, dataset.test):
        assert (split.images[:, 31, 0, 0] == split.labels).all()
        assert not split.images[..., 2].any()
    assert (dataset.test.images[..., 1] == 5).all()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_another_file_is_refused_and_left_alone(cache: Path, name: str):
    path = module.KERAS_SETS[name].path
    assert path.parent == cache
    write_mnist(path.with_suffix(".npz"))
    if name == "cifar10":
        path.with_suffix(".npz").rename(path)
    content = path.read_bytes()
    with pytest.raises(DataError, match=f"{path}: SHA-256 is [0-9a-f]+; expected {SHA256[name]}"):
        load_dataset(name)
    assert path.read_bytes() == content


SHA256 = {"mnist": "731c5ac6", "cifar10": "6d958be0"}  # their beginnings, from Keras' own source


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_without_a_network_the_message_says_where_the_file_belongs(
    cache: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    known = module.KERAS_SETS[name]
    monkeypatch.setitem(
        module.KERAS_SETS, name, dataclasses.replace(known, origin="http://127.0.0.1:9/x")
    )
    for proxy in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(DataError, match=f"did not answer: .*refused.* Put that file into {cache}"):
        load_dataset(name)


def test_the_hashes_are_those_that_keras_checks():
    for known in module.KERAS_SETS.values():
        source = Path(file_utils.__file__).parents[1] / "datasets" / f"{known.name}.py"
        assert known.sha256 in source.read_text()


@pytest.mark.network
@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_the_published_files_are_downloaded(cache: Path, name: str, shape: tuple[int, ...]):
    assert load_dataset(name).image_shape == shape
