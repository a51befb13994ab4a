import functools
import re

import numpy as np
import pytest
from PIL import Image

from harness.core.errors import ConfigError, DataError
from harness.data.datasets import SCHEMES, load_dataset
from harness.data.fashion_mnist import CLASS_NAMES, load_fashion_mnist

NAMES = "cifar10, fashion_mnist, mnist, folder:PATH, npz:PATH, idx:PATH, csv:PATH"


def test_fashion_mnist_loads_as_published(fashion_mnist):
    published = load_fashion_mnist()
    for name in ("train", "validation", "test"):
        ours = getattr(fashion_mnist, name)
        assert (ours.name, ours.sha256) == (
            f"fashion_mnist/{name}",
            getattr(published, name).sha256,
        )
    assert fashion_mnist.class_names == CLASS_NAMES


def test_every_scheme_says_what_it_expects(tmp_path):
    for scheme in SCHEMES:
        with pytest.raises(DataError, match=f"{tmp_path}/absent.*xpected"):
            load_dataset(f"{scheme}:{tmp_path}/absent")


def test_classes_size_channels_and_split_of_a_published_data_set(fashion_mnist):
    text = "fashion_mnist?size=32&channels=3&classes=9,7&split=8,1,1"
    dataset = load_dataset(text)
    assert dataset.class_names == ("Sneaker", "Ankle boot")
    assert dataset.image_shape == (32, 32, 3)
    # 7,000 images of each of the two classes, all three splits together.
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [
        11_200, 1_400, 1_400
    ]  # fmt: skip
    assert np.bincount(dataset.test.labels).tolist() == [700, 700]
    kept = load_dataset("fashion_mnist?classes=7")
    assert kept.validation.images.tobytes() == (
        fashion_mnist.validation.images[fashion_mnist.validation.labels == 7].tobytes()
    )
    assert set(kept.train.labels.tolist()) == {0}


def test_folder_is_handed_on(tmp_path):
    with pytest.raises(DataError, match="from --data-dir"):
        load_dataset("fashion_mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fashion-mnist", r"received 'fashion-mnist'.* Did you mean 'fashion_mnist'\?"),
        ("", rf"received ''; expected one of {NAMES}\.$"),
        ("x:y", rf"received 'x:y'; expected one of {NAMES}\.$"),
    ],
)
def test_unknown_name(name, message):
    with pytest.raises(ConfigError, match=message):
        load_dataset(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\nb", r"'a\nb'"), ("\x1b[31m", r"'\x1b[31m'"), ("caf\udce9", r"b'caf\xe9'"), (" ", "' '")],
)
def test_a_class_name_that_cannot_be_passed_on_is_refused_when_read(tmp_path, name, shown):
    source = functools.partial(np.savez, tmp_path / "x.npz", labels=np.arange(40) % 2)
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    if "\udce9" in name:  # NumPy writes no such text; a folder may be called so
        for each in ("a", name):
            (tmp_path / "images" / each).mkdir(parents=True)
            for number in range(5):
                Image.fromarray(images[number, ..., 0]).save(
                    tmp_path / "images" / each / f"{number}.png"
                )
        dataset = f"folder:{tmp_path}/images"
    else:
        source(images=images, class_names=np.array(["a", name]))
        dataset = f"npz:{tmp_path}/x.npz"
    with pytest.raises(DataError, match=re.escape(f"the class name {shown} is no single line")):
        load_dataset(dataset)
