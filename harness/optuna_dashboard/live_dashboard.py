"""Optuna's dashboard on a study, to be served, and only to look at."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard

from harness.core.durations import elapsed_seconds
from harness.core.errors import StorageError
from harness.optuna_dashboard.dashboard_view import make_view
from harness.study.record import StudyRecord
from harness.study.trial_storage import open_read_only

_FRESH_SECONDS = 5.0

ReadTrials = Callable[[], list[optuna.trial.FrozenTrial]]
ReadConfirmed = Callable[[], str | None]


class LiveDashboard:
    """A WSGI application that answers from a copy of the study, at most a few seconds old.

    The page has buttons that would change or remove the study. Its server refuses what they ask
    for, and the copy is all that the page ever sees.

    Args:
        folder: The study's folder.
        record: What the study says of itself.
        read: Returns the study's trials as they are now; may raise StorageError.
        confirmed: Returns the trial that training the leaders again stands behind; None for none.

    Raises:
        StorageError: If the study's trials cannot be read.
    """

    path = "/dashboard/studies/0"
    # WebGL's plots make functions of text; notes and names of a study can load nothing.
    policy = (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'"
    )

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
        self._made = elapsed_seconds()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI wants it."""
        with self._turn:
            if elapsed_seconds() - self._made > _FRESH_SECONDS:
                # A journal that is damaged meanwhile leaves the page as it was.
                with contextlib.suppress(StorageError):
                    self._app = self._make()
                self._made = elapsed_seconds()
            app = self._app
        return app(environ, start_response)

    def _make(self) -> Callable[..., Iterable[bytes]]:
        storage, grids = make_view(
            self._folder, self._record, self._read(), confirmed=self._confirmed()
        )
        app: Callable[..., Iterable[bytes]] = optuna_dashboard.wsgi(storage, artifact_store=grids)
        return app


def read_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Return a study's trials as its journal has them now; a sweep may be running on it.

    Raises:
        StorageError: If the journal cannot be read, or there is none yet.
    """
    study = open_read_only(folder)
    if study is None:
        raise StorageError(
            f"{folder}: the study has no journal yet, so there is nothing to show. Begin it "
            f"with gansweep sweep, then give the same command again."
        )
    return study.get_trials(deepcopy=False)
