"""Open Optuna's dashboard on a study: `gansweep dashboard --study default`."""

import contextlib
from pathlib import Path

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app, serve
from harness.core.errors import StorageError, require_packages

app = new_app()


@app.command(epilog="Exit codes: 0 ended by Ctrl-C; 2 refused, with one message.")
def dashboard(
    study: option.Study,
    port: option.Port = 8080,
    no_browser: option.NoBrowser = False,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    debug: option.Debug = False,
) -> None:
    """Show a study in Optuna's dashboard, with each trial's sample grids and notes.

    Only this machine can reach the page. It follows a running sweep, and nothing done in it
    changes the study.
    """
    with clear_errors(debug):
        from harness.study.record import find_study, read_study

        folder = find_study(studies_dir, study)
        remedy = "Install it: `pip install 'gan-sweep-harness[dashboard]'`."
        require_packages("The dashboard", ["optuna_dashboard"], remedy)
        from harness.cli.local_server import LocalServer
        from harness.optuna_dashboard.live_dashboard import LiveDashboard, read_trials

        page = LiveDashboard(
            folder,
            read_study(folder),
            lambda: read_trials(folder),
            confirmed=lambda: _confirmed(folder),
        )
        with LocalServer(page, port) as server:
            message = f"Study {study} is shown at {server.address}"
            serve(server, server.address, message, browser=not no_browser)


def _confirmed(folder: Path) -> str | None:
    """Return the trial that a confirmation stands behind; None where there is none."""
    from harness.confirmation.result import read_result

    with contextlib.suppress(StorageError):  # damaged; `confirm` says so
        result = read_result(folder)
        return result.winner if result and not result.doubt else None
    return None


if __name__ == "__main__":
    app()
