"""Ask a served bundle for what it has, and for what it has not."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.exporting.explorer_server import BundleServer

FILES = {
    "explorer.html": "text/html; charset=utf-8",
    "explorer/run.mjs": "text/javascript; charset=utf-8",
    "explorer/run.js": "text/javascript; charset=utf-8",
    "explorer/run.wasm": "application/wasm",
    "explorer/style.css": "text/css; charset=utf-8",
    "explorer/model.json": "application/json",
    "generator.onnx": "application/octet-stream",
    "samples.png": "image/png",
    "a name & more.txt": "text/plain; charset=utf-8",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundleServer]:
    folder = tmp_path_factory.mktemp("served")
    bundle = folder / "bundle"
    (bundle / "explorer").mkdir(parents=True)
    for name in FILES:
        (bundle / name).write_bytes(name.encode())
    (folder / "secret.txt").write_text("secret")
    (bundle / ".hidden").write_text("secret")
    (bundle / "link.txt").symlink_to(folder / "secret.txt")
    (bundle / "linked").symlink_to(folder)
    with BundleServer(bundle) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(
    server: BundleServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    headers = {"Host": host} if host else {}
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.mark.parametrize("name", FILES)
def test_every_file_comes_with_its_type(server: BundleServer, name: str):
    answer, content = ask(server, f"/{name}".replace(" ", "%20"))
    assert (answer.status, content) == (200, name.encode())
    assert answer.getheader("Content-Type") == FILES[name]
    assert answer.getheader("Content-Length") == str(len(content))
    assert answer.getheader("X-Content-Type-Options") == "nosniff"


def test_the_page_is_what_the_bare_address_shows(server: BundleServer):
    assert ask(server, "/")[1] == b"explorer.html"
    assert ask(server, "/explorer.html?again#here")[1] == b"explorer.html"
    assert server.address == f"http://127.0.0.1:{server.server_port}/explorer.html"


def test_head_gives_the_headers_alone(server: BundleServer):
    answer, content = ask(server, "/samples.png", method="HEAD")
    assert (answer.status, content) == (200, b"")
    assert answer.getheader("Content-Length") == str(len("samples.png"))


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/explorer/../../secret.txt",
        "//etc/passwd",
        "/%2Fetc/passwd",
        "/%00",
        "/link.txt",
        "/linked/secret.txt",
        "/.hidden",
        "/explorer",
        "/explorer/",
        "/explorer//run.js",
        "/nothing",
    ],
)
def test_nothing_but_the_bundles_own_files_is_found(server: BundleServer, path: str):
    answer, content = ask(server, path)
    assert answer.status == 404
    assert b"secret" not in content.replace(path.encode(), b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(server: BundleServer, method: str):
    assert ask(server, "/samples.png", method=method)[0].status == 501


def test_a_page_of_another_name_is_refused(server: BundleServer):
    assert ask(server, "/", host="example.org")[0].status == 403
    assert ask(server, "/", host=f"example.org:{server.server_port}")[0].status == 403
    assert ask(server, "/", host=f"localhost:{server.server_port}")[0].status == 200


def test_only_this_machine_can_ask(server: BundleServer):
    assert server.server_address[0] == "127.0.0.1"


def test_a_file_that_vanished_is_not_found(tmp_path: Path):
    for name in ("explorer.html", "gone.txt"):
        (tmp_path / name).touch()
    with BundleServer(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "gone.txt").unlink()
        assert ask(server, "/gone.txt")[0].status == 404
        server.shutdown()


def test_a_port_in_use_is_one_message(server: BundleServer, tmp_path: Path):
    (tmp_path / "explorer.html").touch()
    with pytest.raises(ConfigError, match=rf"--port {server.server_port}: cannot be used"):
        BundleServer(tmp_path, server.server_port)
