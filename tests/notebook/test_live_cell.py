"""Show a running study in a cell: what a notebook is given, without a kernel."""

import math
import sys
from types import SimpleNamespace

import pytest

from harness.cli.sweep_progress import SweepProgress
from harness.core.events import Finished, Progressed, RungScored, Started
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.notebook.live_cell import LiveCell, in_notebook
from harness.runner.stop_rules import Stop

pytest.importorskip("IPython", reason="IPython is not installed")

SCORE = Score(
    12.5, 1.0, 0, Protocol("fid", "panel", "ab", 1000, "fashion_mnist/validation", "cd"), (12, 13)
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return what a notebook's output is set to, from first to last."""
    contents: list[dict[str, str]] = []

    def display(content: dict[str, str], **options: bool) -> SimpleNamespace:
        assert options == {"raw": True, "display_id": True}
        contents.append(content)
        return SimpleNamespace(update=lambda content, raw: contents.append(content))

    monkeypatch.setattr("IPython.display.display", display)
    return contents


def cell(trials: int) -> LiveCell:
    return LiveCell(SweepProgress(trials), kimg=2)


def test_it_shows_what_runs_and_how_all_that_ran_have_ended(shown: list[dict[str, str]]):
    config = GANConfig()
    with cell(4) as live:
        assert "workers load TensorFlow" in shown[-1]["text/html"]
        live.opened(1)
        assert "<b>1 of 4</b> trials" in shown[-1]["text/html"]
        live.hear("0001", config, Started(0.0, 10, 10))
        live.hear("0001", config, RungScored(1.0, 0, SCORE, SCORE, "g.png", 1.0))
        assert "width:50.0%" in shown[-1]["text/html"]  # 1 of 2 kimg
        assert "best so far <b>12.500</b> (0001)" in shown[-1]["text/html"]
        live.hear("0001", config, Finished(Outcome(Reason.FINISHED, kimg=2.0, best=SCORE)))
        live.ended(None)
    assert "<b>2 of 4</b>" in shown[-1]["text/html"]
    assert "complete (finished)" in shown[-1]["text/html"]
    assert "12.500 ±0.500" in shown[-1]["text/html"]
    assert shown[-1]["text/plain"] == "2/4 ended; done"


def test_steps_between_scores_are_not_drawn_one_by_one(shown: list[dict[str, str]]):
    with cell(1) as live:
        live.opened(0)
        drawn = len(shown)
        for kimg in range(1000):
            live.hear("0000", GANConfig(), Progressed(kimg / 1e3, 1.0, 1.0, 0.5, 0.5, 9.0, 1.0))
        assert len(shown) - drawn < 10


def test_a_stop_and_an_error_are_said(shown: list[dict[str, str]]):
    with cell(1) as live:
        live.ended(Stop("Stopped; <here>", 130))
    assert "Stopped; &lt;here&gt;" in shown[-1]["text/html"]
    with pytest.raises(ZeroDivisionError), cell(1):
        raise ZeroDivisionError
    assert "ended by an error" in shown[-1]["text/html"]


def test_of_many_that_ended_the_last_are_shown(shown: list[dict[str, str]]):
    with cell(20) as live:
        live.opened(0)
        for number in range(10):
            end = Finished(Outcome(Reason.DIVERGED, kimg=math.pi))
            live.hear(f"{number:04d}", GANConfig(), end)
    assert "2 that ended before" in shown[-1]["text/html"]
    assert "0001" not in shown[-1]["text/html"]
    assert "0009" in shown[-1]["text/html"]


def test_a_test_run_is_no_notebook(monkeypatch: pytest.MonkeyPatch):
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    assert in_notebook()
