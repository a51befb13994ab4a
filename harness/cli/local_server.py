"""Serve a page to this machine's browser alone, and only to look at."""

import json
import re
import socketserver
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from harness.core.errors import ConfigError

HOST = "127.0.0.1"
"""Only this machine can reach it."""

_NAMES = (HOST, "localhost")
_METHODS = ("GET", "HEAD")


class Page(Protocol):
    """A WSGI application, and what a browser is to know of it.

    Attributes:
        path: Where its first page is, from `/` on.
        policy: What its pages may load and run, as a Content-Security-Policy says it.
    """

    path: str
    policy: str

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI wants it."""
        ...


class LocalServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """A server that answers what a person at this machine asks, and no page from elsewhere.

    A page from elsewhere could have its own name lead here, or ask from within a browser that is
    open on this machine: both are refused, and so is whatever would change something. What its
    pages may load is said by the server, whatever they say themselves.

    Args:
        page: What is served.
        port: Where to listen; 0 for any port that is free.

    Raises:
        ConfigError: If the port cannot be used.
    """

    daemon_threads = True

    def __init__(self, page: Page, port: int = 0) -> None:
        try:
            super().__init__((HOST, port), _QuietHandler)
        except (OSError, OverflowError) as error:
            cause = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"--port: cannot listen on {HOST}:{port}: {cause}. Choose another --port; 0 takes "
                f"any that is free."
            ) from error
        self._page = page
        self.set_app(self._answer)

    @property
    def address(self) -> str:
        """Return the address of the page."""
        return f"http://{HOST}:{self.server_port}{self._page.path}"

    def _answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        own = {
            "Content-Security-Policy": f"{self._page.policy}; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",  # another page may have this port next
        }
        replaced = {name.lower() for name in own}

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            kept = [(name, value) for name, value in headers if name.lower() not in replaced]
            return start_response(status, [*kept, *own.items()], *error)

        refused = _refusal(environ)
        if refused is None:
            return self._page(environ, start)
        status, reason = refused
        start(status, [("Content-Type", "application/json"), ("Allow", ", ".join(_METHODS))])
        return [json.dumps({"reason": reason}).encode()]


def _refusal(environ: dict[str, Any]) -> tuple[str, str] | None:
    """Return status and reason for a request that is not answered; None where it is."""
    if environ["REQUEST_METHOD"] not in _METHODS:
        return "405 Method Not Allowed", "This page is only for looking."
    # The port may be another's: that of a tunnel to this machine.
    host = environ.get("HTTP_HOST", "")
    if re.sub(":[0-9]*$", "", host) not in _NAMES:  # browsers leave port 80 out
        return "403 Forbidden", "This page has no such name."
    if environ.get("HTTP_ORIGIN", f"http://{host}") != f"http://{host}":
        return "403 Forbidden", "This page answers no other page."
    follows_link = (environ.get("HTTP_SEC_FETCH_MODE"), environ.get("HTTP_SEC_FETCH_DEST"))
    if (
        environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin")
        and follows_link != ("navigate", "document")  # shows the page to who clicked, alone
    ):
        return "403 Forbidden", "This page answers no other page."
    return None


class _QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Leave requests out of the terminal."""
