import functools
import http.server
import socket
import threading

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data import download
from harness.data import fashion_mnist as module
from harness.data.download import download_files
from harness.data.fashion_mnist import FILES, load_fashion_mnist

LABELS = "t10k-labels-idx1-ubyte.gz"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        self.server.asked.append(self.requestline.split()[:2])


@pytest.fixture
def server(bare, link):
    """Serve linked files on the loopback interface; records what was asked for."""
    folder = link(bare / "served")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.asked = []
        running.folder = folder
        running.origin = f"http://127.0.0.1:{running.server_port}/"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_download_fills_the_keras_cache(bare, server, monkeypatch, fashion_mnist, capsys):
    monkeypatch.setattr(module, "ORIGIN", server.origin)
    assert load_fashion_mnist().validation.sha256 == fashion_mnist.validation.sha256
    cache = bare / "keras" / "datasets" / "fashion-mnist"
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILES)
    assert capsys.readouterr().out == ""  # stdout belongs to the command
    # What lies there is what Keras itself would find, and nothing is asked for again.
    asked = len(server.asked)
    load_fashion_mnist()
    assert len(server.asked) == asked


def test_an_interrupted_download_goes_on_with_the_missing_file(bare, server, link, monkeypatch):
    cache = link(bare / "keras" / "datasets" / "fashion-mnist")
    (cache / LABELS).unlink()
    monkeypatch.setattr(module, "ORIGIN", server.origin)
    assert len(load_fashion_mnist().test) == 10_000
    assert ["GET", f"/{LABELS}"] in server.asked
    assert {path for _, path in server.asked} == {f"/{LABELS}"}


def test_a_changed_file_is_refused_and_not_kept(bare, server, replace):
    replace(server.folder / LABELS, b"<html>log in</html>")
    target = bare / "target"
    with pytest.raises(DataError, match=rf"{LABELS}: damaged or not gzip.*{server.origin}"):
        download_files({LABELS: FILES[LABELS]}, server.origin, target=target)
    assert list(target.iterdir()) == []


def test_absent_file(bare, server):
    with pytest.raises(DataError, match=r"did not answer: (Not Found|File not found)"):
        download_files({"none.gz": "00"}, server.origin, target=bare / "target")
    assert not (bare / "target").exists()


def test_target_that_takes_no_files(bare, server):
    (bare / "target").write_text("a file, not a folder")
    with pytest.raises(DataError, match="target takes no files: File exists"):
        download_files({LABELS: FILES[LABELS]}, server.origin, target=bare / "target")


def test_a_silent_network_is_given_up(bare, monkeypatch):
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(download, "SOCKET_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        origin = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DataError, match="did not answer: nothing heard in 0 s"):
            download_files({LABELS: FILES[LABELS]}, origin, target=bare / "target")


def test_socket_timeout_is_put_back():
    before = socket.getdefaulttimeout()
    with download.quiet_keras():
        assert socket.getdefaulttimeout() == download.SOCKET_SECONDS
    assert socket.getdefaulttimeout() == before


@pytest.mark.network
def test_keras_has_the_published_files(tmp_path, monkeypatch, fashion_mnist):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    place = module.download_location()
    assert place.folder.is_relative_to(tmp_path)
    assert np.array_equal(module.read_location(place).test.images, fashion_mnist.test.images)
