"""Serve Optuna's dashboard on a study: on this machine alone, and only to look at."""

import contextlib
import functools
import socketserver
import threading
import time
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard

from harness.core.errors import ConfigError, StorageError
from harness.optuna_dashboard.dashboard_view import make_view
from harness.study.record import StudyRecord, read_study
from harness.study.trial_storage import open_read_only

HOST = "127.0.0.1"
_FRESH_SECONDS = 5.0

ReadTrials = Callable[[], list[optuna.trial.FrozenTrial]]
ReadConfirmed = Callable[[], str | None]


class LiveDashboard:
    """A WSGI application that answers from a copy of the study, at most a few seconds old.

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
        self._folder, self._record = folder, record
        self._read, self._confirmed = read, confirmed
        self._turn = threading.Lock()
        self._app = self._make()
        self._made = time.monotonic()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI wants it."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [("Content-Type", "application/json")])
            return [b'{"reason": "This page is only for looking at the study."}']
        with self._turn:
            if time.monotonic() - self._made > _FRESH_SECONDS:
                # A journal that is damaged meanwhile leaves the page as it was.
                with contextlib.suppress(StorageError):
                    self._app = self._make()
                self._made = time.monotonic()
            app = self._app
        return app(environ, start_response)

    def _make(self) -> Callable[..., Iterable[bytes]]:
        storage, grids = make_view(
            self._folder, self._record, self._read(), confirmed=self._confirmed()
        )
        app: Callable[..., Iterable[bytes]] = optuna_dashboard.wsgi(storage, artifact_store=grids)
        return app


class DashboardServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """A server of one study's dashboard to this machine.

    Args:
        folder: The study; a sweep may be running on it.
        port: Where to listen; 0 for any port that is free.
        confirmed: Returns the trial that training the leaders again stands behind; None for none.

    Raises:
        StudyError: If the folder holds no study.
        StorageError: If its journal cannot be read, or there is none yet.
        ConfigError: If the port is taken.
    """

    daemon_threads = True

    def __init__(
        self, folder: Path, port: int = 0, *, confirmed: ReadConfirmed = lambda: None
    ) -> None:
        record = read_study(folder)
        read = functools.partial(_read_trials, folder)
        app = LiveDashboard(folder, record, read, confirmed=confirmed)
        try:
            super().__init__((HOST, port), _QuietHandler)
        except OSError as error:
            raise ConfigError(
                f"--port: cannot listen on {HOST}:{port}: {error.strerror or error}. Choose "
                f"another --port; 0 takes any that is free."
            ) from error
        self.set_app(app)

    @property
    def address(self) -> str:
        """Return the address of the study's page."""
        return f"http://{HOST}:{self.server_port}/dashboard/studies/0"


class _QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Leave requests out of the terminal."""


def _read_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    study = open_read_only(folder)
    if study is None:
        raise StorageError(
            f"{folder}: the study has no journal yet, so there is nothing to show. Begin it "
            f"with gansweep sweep, then give the same command again."
        )
    return study.get_trials(deepcopy=False)
