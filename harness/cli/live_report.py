"""Show the report of a study in this machine's browser while a sweep runs on it.

A process of its own writes the page as `gansweep report --watch` does: when something changed,
after a pause. This process hands out the file, which costs it next to nothing.
"""

import contextlib
import html
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from harness.cli.app import open_browser
from harness.cli.local_server import LocalServer
from harness.core.errors import HarnessError, plain_text
from harness.core.events import Event
from harness.gan.config.config import GANConfig
from harness.reporting.page import PAGE, write_page
from harness.reporting.report_data import read_report
from harness.reporting.study_publisher import run_published
from harness.runner.job_source import Listener
from harness.runner.stop_rules import Stop
from harness.runner.study_runner import StudyRunner

_PATIENCE_SECONDS = 8.0
"""How long a page that is open may take to fetch the last state of a study."""

_OPEN_SECONDS = 60.0
"""A page that was asked for in this time is open: its script asks every few seconds."""

_BY_SIGNAL = 128
"""Exit codes above say that a signal stopped the sweep."""

_WAITING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<title>The report is being written</title><link rel="icon" href="data:,">
<style>body {{ font: 1rem system-ui; margin: 3rem; color-scheme: light dark }}</style></head>
<body><p>{}</p></body></html>
"""


def run_shown(runner: StudyRunner, listener: Listener, say: Callable[[str], Any]) -> Stop | None:
    """Run a study as `run_published` does, and show its report on this machine meanwhile.

    Args:
        runner: Runs it.
        listener: Hears every event.
        say: Prints where the report is.

    Returns:
        Why it stopped before its end; None where it did not.

    Raises:
        HarnessError: As `run_published`, or if no port can be had.
    """
    with LiveReport(runner.options.folder, listener) as report:
        say(f"Report, current while the sweep runs: {report.address}")
        stop = run_published(runner, report)
        if stop is None or stop.exit_code <= _BY_SIGNAL:
            report.finish()
    return stop


class LivePage:
    """A WSGI application that gives the newest report of a folder.

    Args:
        folder: Where `index.html` is written, or will be.

    Attributes:
        asked_at: When a browser last asked, by `time.monotonic`; None before.
        given: Which state of the page was given last.
        trouble: Why there is none yet, in a sentence; empty where it is on its way.
    """

    path = "/"
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src "
        "'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'"
    )

    def __init__(self, folder: Path) -> None:
        self._file = folder / PAGE
        self.asked_at: float | None = None
        self.given = ""
        self.trouble = ""

    @property
    def state(self) -> str:
        """Return what changes with the page; empty while there is none."""
        try:
            found = self._file.stat()
        except OSError:
            return ""
        return f'"{found.st_mtime_ns:x}-{found.st_size:x}"'

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer GET or HEAD, as WSGI wants it."""
        if environ["PATH_INFO"] not in ("/", f"/{PAGE}"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"There is the report alone."]
        self.asked_at, state = time.monotonic(), self.state
        try:
            content = self._file.read_bytes()
        except OSError:
            said = self.trouble or "The report is being written, and appears here by itself."
            content = _WAITING.format(html.escape(said)).encode()
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(content))),
            ("ETag", state or '"none"'),
        ]
        start_response("200 OK", headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        self.given = state
        return [content]


class LiveReport:
    """A listener to a sweep that has the study's report shown until the block ends.

    Args:
        folder: The study's folder; it may not be there yet.
        listener: Receives everything, too: what shows the sweep in the terminal.

    Attributes:
        address: Where the report is shown.
    """

    def __init__(self, folder: Path, listener: Listener) -> None:
        self._folder, self._listener = folder, listener
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = contextlib.ExitStack()
        temporary = tempfile.TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True)
        self._written = Path(self._closing.enter_context(temporary))
        self._page = LivePage(self._written)
        self._server = self._closing.enter_context(LocalServer(self._page))
        self.address = self._server.address

    def __enter__(self) -> Self:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._closing.callback(self._server.shutdown)
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._closing.close()

    def opened(self, ended: int) -> None:
        """Pass on how many trials have ended; begin to write the report, and open the browser."""
        self._listener.opened(ended)
        words = self._written / "words"
        root = Path(__file__).resolve().parents[2]
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-P", "-m", "harness.report", "--watch"]
        where = ["--study", self._folder.name, "--studies-dir", str(self._folder.parent)]
        with words.open("wb") as output:
            # A session of its own: Ctrl-C is for the sweep, which ends this one.
            self._process = subprocess.Popen(
                [*command, *where, "--out", str(self._written)],
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        threading.Thread(target=self._watch, args=(self._process, words), daemon=True).start()
        open_browser(self.address)

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Pass on an event."""
        self._listener.hear(name, config, event)

    def finish(self) -> None:
        """Write how the study ended, and let a page that is open fetch it.

        Not for a sweep that was stopped by a signal: whoever stops it does not want to wait.
        """
        asked = self._page.asked_at
        if self._process is None or asked is None or time.monotonic() - asked > _OPEN_SECONDS:
            return
        self._process.terminate()
        self._process.wait()
        with contextlib.suppress(HarnessError, KeyboardInterrupt):
            write_page(read_report(self._folder), self._written)
            until = time.monotonic() + _PATIENCE_SECONDS
            while self._page.given != self._page.state and time.monotonic() < until:
                time.sleep(0.1)
            time.sleep(0.2)  # its last bytes are on their way

    def _watch(self, process: subprocess.Popen[bytes], words: Path) -> None:
        if process.wait() > 0:  # not by a signal, which `finish` and the end send
            lines = words.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            self._page.trouble = plain_text(
                f"The report cannot be written: {lines[-1] if lines else 'it said nothing'}"
            )
