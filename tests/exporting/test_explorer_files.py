"""Ask a served bundle for what it has, and for what it has not."""

import http.client
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness.exporting
from harness.cli.local_server import LocalServer
from harness.exporting.explorer_files import BundleFiles

TEMPLATES = Path(harness.exporting.__file__).parent / "templates" / "explorer"

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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("served")
    bundle = folder / "bundle"
    (bundle / "explorer").mkdir(parents=True)
    for name in FILES:
        (bundle / name).write_bytes(name.encode())
    (folder / "secret.txt").write_text("secret")
    (bundle / ".hidden").write_text("secret")
    (bundle / "link.txt").symlink_to(folder / "secret.txt")
    (bundle / "linked").symlink_to(folder)
    with LocalServer(BundleFiles(bundle)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(
    server: LocalServer, path: str, *, method: str = "GET"
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.mark.parametrize("name", FILES)
def test_every_file_comes_with_its_type(server: LocalServer, name: str):
    answer, content = ask(server, f"/{name}".replace(" ", "%20"))
    assert (answer.status, content) == (200, name.encode())
    assert answer.getheader("Content-Type") == FILES[name]
    assert answer.getheader("Content-Length") == str(len(content))


def test_the_page_is_what_the_bare_address_shows(server: LocalServer):
    assert ask(server, "/")[1] == b"explorer.html"
    assert ask(server, "/explorer.html?again#here")[1] == b"explorer.html"
    assert server.address == f"http://127.0.0.1:{server.server_port}/explorer.html"


def test_head_gives_the_headers_alone(server: LocalServer):
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
def test_nothing_but_the_bundles_own_files_is_found(server: LocalServer, path: str):
    answer, content = ask(server, path)
    assert answer.status == 404
    assert b"secret" not in content.replace(path.encode(), b"")


def test_a_file_that_vanished_is_not_found(tmp_path: Path):
    for name in ("explorer.html", "gone.txt"):
        (tmp_path / name).touch()
    with LocalServer(BundleFiles(tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "gone.txt").unlink()
        assert ask(server, "/gone.txt")[0].status == 404
        server.shutdown()


def test_the_servers_policy_allows_no_more_than_the_pages_own():
    page = (TEMPLATES / "explorer.html").read_text()
    own = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', page)
    assert own
    assert set(own[1].split("; ")) < set(BundleFiles.policy.split("; "))
