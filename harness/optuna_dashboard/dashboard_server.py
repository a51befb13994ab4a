"""Serve Optuna's dashboard on a study: on this machine alone, and only to look at."""

import contextlib
import socketserver
import threading
import time
import wsgiref.simple_server
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard

from harness.core.errors import ConfigError, StorageError
from harness.optuna_dashboard.dashboard_view import make_view
from harness.study.read_only import opened
from harness.study.record import StudyRecord, read_study
from harness.study.storage import Storage

HOST = "127.0.0.1"
_FRESH_SECONDS = 5.0
_LOOKING = ("GET", "HEAD")

ReadTrials = Callable[[], list[optuna.trial.FrozenTrial]]
ReadConfirmed = Callable[[], str | None]
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class LiveDashboard:
    """Answer requests from a copy of the study that is at most a few seconds old.

    The page has buttons that would change or remove the study. They are refused: the copy is all
    that it ever sees, and that is made anew.

    Args:
        folder: The study's folder.
        record: What the study says of itself.
        read: Returns the study's trials as they are now; may raise StorageError.
        confirmed: Returns the trial that training the leaders again stands behind; None for none.
    """

    def __init__(
        self,
        folder: Path,
        record: StudyRecord,
        read: ReadTrials,
        *,
        confirmed: ReadConfirmed = lambda: None,
    ) -> None:
        self._folder = folder
        self._record = record
        self._read = read
        self._confirmed = confirmed
        self._turn = threading.Lock()
        self._app = self._make()
        self._made = time.monotonic()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI wants it."""
        if environ["REQUEST_METHOD"] not in _LOOKING:
            start_response("405 Method Not Allowed", [("Content-Type", "application/json")])
            return [b'{"reason": "This page is only for looking at the study."}']
        with self._turn:
            if time.monotonic() - self._made > _FRESH_SECONDS:
                # A database that is busy for a moment leaves the page as it was.
                with contextlib.suppress(StorageError):
                    self._app = self._make()
                self._made = time.monotonic()
            app = self._app
        return app(environ, start_response)

    def _make(self) -> WSGIApp:
        copy, grids = make_view(
            self._folder, self._record, self._read(), confirmed=self._confirmed()
        )
        app: WSGIApp = optuna_dashboard.wsgi(copy._storage, artifact_store=grids)
        return app


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    port: int,
    confirmed: ReadConfirmed = lambda: None,
) -> Iterator[tuple[str, Any]]:
    """Give the address of a study's dashboard and its server, ready to serve.

    Args:
        folder: The study; a sweep may be running on it.
        port: Where to listen; 0 for any port that is free.
        confirmed: Returns the trial that training the leaders again stands behind; None for none.

    Raises:
        StudyError: If the folder holds no study.
        StorageError: If its database cannot be used, or has no trials yet.
        ConfigError: If the port is taken.
    """
    record = read_study(folder)
    database = Storage(folder)
    with opened(database, record) as study:
        if study is None:
            raise StorageError(
                f"{folder}: the study has no database yet, so there is nothing to show. Begin it "
                f"with gansweep sweep, then give the same command again."
            )

        def read() -> list[optuna.trial.FrozenTrial]:
            with database.faults():
                return study.get_trials(deepcopy=False)

        app = LiveDashboard(folder, record, read, confirmed=confirmed)
        with _listen(app, port) as server:
            yield f"http://{HOST}:{server.server_port}/dashboard/studies/0", server


def _listen(app: LiveDashboard, port: int) -> Any:
    try:
        return wsgiref.simple_server.make_server(
            HOST, port, app, server_class=_Server, handler_class=_Handler
        )
    except OSError as error:
        raise ConfigError(
            f"--port: cannot listen on {HOST}:{port}: {error.strerror or error}. Choose another "
            f"--port; 0 takes any that is free."
        ) from error


class _Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class _Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Leave requests out of the terminal."""
