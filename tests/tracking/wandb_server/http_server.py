"""Serve W&B's interfaces on a free port of loopback, a thread a request."""

import contextlib
import dataclasses
import gzip
import json
import socketserver
import threading
import wsgiref.simple_server
from collections.abc import Iterator

import bottle

from tests.tracking.wandb_server.faults import Faults
from tests.tracking.wandb_server.file_stream import take
from tests.tracking.wandb_server.graphql import answer
from tests.tracking.wandb_server.received import Received

API_KEY = "0" * 40


@dataclasses.dataclass
class WandbServer:
    """A running server.

    Args:
        port: Where on loopback it listens.
        received: What it was given; it outlives the server.
        faults: What it fails with.
    """

    port: int
    received: Received
    faults: Faults

    @property
    def address(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that send W&B's client here and nowhere else."""
        return {
            "WANDB_BASE_URL": self.address,
            "WANDB_API_KEY": API_KEY,
            "WANDB_ERROR_REPORTING": "false",
            "no_proxy": "*",
        }


class _Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 64  # two workers' clients open many connections at once

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed while they asked."""


class _Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests look at what was received."""


@contextlib.contextmanager
def serving(received: Received | None = None, port: int = 0) -> Iterator[WandbServer]:
    """Run a server to the end of the block.

    Args:
        received: What an earlier server was given, to go on with.
        port: Where to listen; 0 takes a free one.
    """
    app = bottle.Bottle()
    listener = wsgiref.simple_server.make_server(
        "127.0.0.1", port, app, server_class=_Server, handler_class=_Handler
    )
    server = WandbServer(listener.server_port, received or Received(), Faults())
    _route(app, server)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _route(app: bottle.Bottle, server: WandbServer) -> None:
    received = server.received

    @app.hook("before_request")
    def fail_before() -> None:
        if not server.faults.lost:
            fail()

    @app.hook("after_request")
    def fail_after() -> None:
        if server.faults.lost:
            fail()

    def fail() -> None:
        status = server.faults.next_status()
        if status is not None:
            _body()  # a client that cannot send to the end sees no answer
            raise bottle.HTTPResponse("{}", status=status)

    @app.get("/")
    def page() -> str:
        return "W&B's page"

    @app.post("/graphql")
    def graphql() -> dict[str, object]:
        return answer(received, json.loads(_body()), server.address)

    @app.post("/files/<entity>/<project>/<run>/file_stream")
    def file_stream(entity: str, project: str, run: str) -> dict[str, object]:
        sent = json.loads(_body())
        with received.lock:
            take(received.runs[run], sent)
        return {}

    @app.put("/upload/run/<run>/<path:path>")
    def run_file(run: str, path: str) -> str:
        content = _body()
        with received.lock:
            received.runs[run].files[path] = content
        return ""

    @app.put("/upload/artifact/<artifact>/<path:path>")
    def artifact_file(artifact: str, path: str) -> str:
        content = _body()
        with received.lock:
            received.artifacts[artifact].files[path] = content
        return ""

    @app.put("/upload/manifest/<artifact>")
    def manifest(artifact: str) -> str:
        content = _body()
        with received.lock:
            received.artifacts[artifact].manifest = content
        return ""

    @app.error(404)
    def unknown(_: bottle.HTTPError) -> str:
        received.unknown.append(f"{bottle.request.method} {bottle.request.path}")
        return "{}"


def _body() -> bytes:
    content: bytes = bottle.request.body.read()
    if bottle.request.get_header("Content-Encoding") == "gzip":
        return gzip.decompress(content)
    return content
