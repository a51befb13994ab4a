"""Ask a server of this machine's pages the way its browser asks, and the way strangers would."""

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from harness.cli.local_server import LocalServer
from harness.core.errors import ConfigError


class Greeting:
    """A page that says what it was asked for, and would like to be framed everywhere."""

    path = "/greeting"
    policy = "default-src 'self'"

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Security-Policy", "default-src *"), ("X-Own", "1")])
        return [environ["PATH_INFO"].encode()]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(Greeting()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(
    server: LocalServer, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, "/here", headers=asked)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_its_address_is_this_machines(server: LocalServer):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/greeting"


def test_the_policy_is_the_servers_word(server: LocalServer):
    answer, content = ask(server)
    assert (answer.status, content) == (200, b"/here")
    headers = [(name, value) for name, value in answer.getheaders() if "Policy" in name]
    assert headers == [
        ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("X-Own") == "1"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ODD"])
def test_nothing_can_be_changed(server: LocalServer, method: str):
    answer, content = ask(server, method)
    assert (answer.status, content) == (405, b'{"reason": "This page is only for looking."}')
    assert answer.getheader("Allow") == "GET, HEAD"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("localhost:9", 200),  # as through a tunnel
        ("localhost", 200),  # of port 80
        ("127.0.0.1", 200),
        ("[::1]:{port}", 403),
        ("[::ffff:127.0.0.1]:{port}", 403),
        ("127.0.0.1:{port}:{port}", 403),
        ("localhost@rebind.evil.example:{port}", 403),
        ("rebind.evil.example", 403),
        ("rebind.evil.example:{port}", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("localhost:1,rebind.evil.example:{port}", 403),
        ("0.0.0.0:{port}", 403),
        ("", 403),
    ],
)
def test_it_answers_to_this_machines_names_alone(server: LocalServer, host: str, status: int):
    assert ask(server, Host=host.format(port=server.server_port))[0].status == status


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("none", "navigate", "document", 200),  # an address that was typed
        ("same-origin", "cors", "empty", 200),
        ("cross-site", "navigate", "document", 200),  # a link that was followed
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "script", 403),
        ("same-site", "no-cors", "image", 403),  # the page of another port
        ("same-site", "cors", "empty", 403),
    ],
)
def test_a_page_from_elsewhere_can_lead_here_and_ask_nothing(
    server: LocalServer, site: str, mode: str, dest: str, status: int
):
    asked = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": dest}
    assert ask(server, **asked)[0].status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:9", 200), ("http://evil.example", 403), ("null", 403)],
)
def test_an_origin_is_its_own(server: LocalServer, origin: str, status: int):
    assert ask(server, Host="localhost:9", Origin=origin)[0].status == status


def test_a_port_that_cannot_be_used_is_one_message(server: LocalServer):
    taken = f"--port: cannot listen on 127.0.0.1:{server.server_port}: Address already in use"
    with pytest.raises(ConfigError, match=taken):
        LocalServer(Greeting(), server.server_port)
    with pytest.raises(ConfigError, match=r"127.0.0.1:70000: .*0-65535"):
        LocalServer(Greeting(), 70_000)
