"""Places for Fashion-MNIST that belong to one test each."""

from pathlib import Path

import pytest

from harness.data import fashion_mnist as module


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """Return the folder where this machine keeps the real files."""
    place = module.find_location() or module.download_location()
    return place.folder


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_folder: Path) -> Path:
    """Hide every place that has the data and every way to them; return an empty folder.

    The system's package would lie in `system/`, Keras' files in `keras/datasets/fashion-mnist/`;
    the origin refuses connections, and there is no apt-get.
    """
    monkeypatch.delenv(module.DATA_DIR_VARIABLE, raising=False)
    monkeypatch.setattr(module, "SYSTEM_DIR", tmp_path / "system")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(module, "ORIGIN", "http://127.0.0.1:9/")
    for proxy in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    return tmp_path


@pytest.fixture
def link(real_folder: Path):
    """Return a function that fills a folder with links to the real files."""

    def fill(folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name in module.FILES:
            (folder / name).symlink_to(real_folder / name)
        return folder

    return fill


@pytest.fixture
def replace():
    """Return a function that puts other bytes in the place of a linked file."""

    def put(path: Path, content: bytes) -> None:
        path.unlink()
        path.write_bytes(content)

    return put
