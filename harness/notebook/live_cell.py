"""Show a running study in the notebook's cell that runs it."""

import sys
import time
from typing import Any, Self

from harness.cli.sweep_progress import SweepProgress
from harness.core.durations import format_kimg
from harness.core.events import Event, Finished, Progressed
from harness.core.templates import template_environment
from harness.gan.config.config import GANConfig
from harness.runner.stop_rules import Stop

_REFRESH_SECONDS = 0.5
_MOST_ENDED = 8


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook; nothing is loaded to know it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class LiveCell:
    """A listener that keeps one output of a notebook's cell current: bars, scores, ends.

    It is HTML without scripts or widgets, so that a saved notebook shows how it ended.

    Args:
        progress: What follows the study.
        kimg: The last rung.
        unit: What it counts, e.g. `trials`.
    """

    def __init__(self, progress: SweepProgress, *, kimg: float, unit: str = "trials") -> None:
        self._progress = progress
        self._kimg = kimg
        self._unit = unit
        self._state = "starting: workers load TensorFlow"
        self._ended: list[tuple[str, str, str, str, str]] = []
        self._began = self._shown = time.monotonic()
        self._handle: Any = None

    def __enter__(self) -> Self:
        from IPython.display import display

        self._handle = display(self._content(), raw=True, display_id=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._progress.running.clear()
        self._state = "ended by an error" if kind else self._state
        self._show()

    def opened(self, ended: int) -> None:
        """Take in how many trainings have ended before."""
        self._progress.opened(ended)
        self._state = ""
        self._show()

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Take in one event."""
        self._progress.hear(name, config, event)
        if isinstance(event, Finished):
            outcome = event.outcome
            score = outcome.tests[-1] if outcome.tests else outcome.score
            kind = f"{outcome.state.value} ({outcome.reason.value})"
            kimg, value = format_kimg(outcome.kimg), score.text if score else "-"
            self._ended.append((name, config.family, kimg, value, kind))
        # Drawn at once but for the steps between scores, which come by the dozen.
        if not isinstance(event, Progressed) or time.monotonic() - self._shown > _REFRESH_SECONDS:
            self._show()

    def ended(self, stop: Stop | None) -> None:
        """Say how the study has ended.

        Args:
            stop: Why it stopped before its end; None where it did not.
        """
        self._state = stop.message if stop else "done"

    def _show(self) -> None:
        self._shown = time.monotonic()
        if self._handle is not None:
            self._handle.update(self._content(), raw=True)

    def _content(self) -> dict[str, str]:
        """Return what a notebook shows of it, by type."""
        progress = self._progress
        page = template_environment(__file__).get_template("live_cell.html")
        html = page.render(
            progress=progress,
            kimg=self._kimg,
            state=self._state,
            unit=self._unit,
            seconds=time.monotonic() - self._began,
            rows=list(progress.running.values()),
            ended=self._ended[-_MOST_ENDED:],
            more=max(0, len(self._ended) - _MOST_ENDED),
        )
        return {"text/html": html, "text/plain": f"{progress.count}; {self._state}".rstrip("; ")}
