import pytest

from harness.data.datasets import DATASETS, load_dataset
from harness.errors import ConfigError, DataError


def test_every_name_loads():
    for name in DATASETS:
        assert load_dataset(name).name == name


def test_folder_is_handed_on(tmp_path):
    with pytest.raises(DataError, match="from --data-dir"):
        load_dataset("fashion_mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fashion-mnist", r"received 'fashion-mnist'.* Did you mean 'fashion_mnist'\?"),
        ("", r"received ''; expected one of fashion_mnist, npz:PATH\.$"),
        ("x:y", r"received 'x:y'; expected one of fashion_mnist, npz:PATH\.$"),
    ],
)
def test_unknown_name(name, message):
    with pytest.raises(ConfigError, match=message):
        load_dataset(name)
