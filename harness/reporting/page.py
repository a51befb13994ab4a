"""Put a report's data, charts and pictures together as one HTML file that needs nothing else."""

import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import harness
from harness.confirmation.text import confirmation_lines
from harness.durations import format_kimg, format_seconds
from harness.files import write_text
from harness.reporting.images import grid_rows, grid_uri, side_for, strip_uri
from harness.reporting.plots import colour_of, draw_confirmation, draw_curves, draw_slice
from harness.reporting.report_data import ReportData
from harness.reporting.text import counts_text
from harness.reporting.trials import Rung, TrialData

PAGE = "index.html"
"""The name of the file that a report consists of."""

_MOST_FRAMES = 60
_SLICES_SHOWN = 8
_STATES = ("complete", "pruned", "failed", "running", "baseline")


def write_page(data: ReportData, folder: Path, *, follows: bool = False) -> Path:
    """Write a report as one file and return its path.

    Args:
        data: What it says.
        folder: Where `index.html` goes; made if needed.
        follows: Whether the page shall load itself again now and then, because more is to come.

    Raises:
        StorageError: If it cannot be written, or a sample grid is no image.
    """
    write_text(folder / PAGE, render_page(data, follows=follows))
    return folder / PAGE


def render_page(data: ReportData, *, follows: bool = False) -> str:
    """Return the HTML of a report.

    Args:
        data: What it says.
        follows: Whether it shall load itself again now and then.

    Raises:
        StorageError: If a sample grid is no image.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "kimg": format_kimg,
        "seconds": format_seconds,
        "number": value_text,
        "colour": colour_of,
        "strip": _strip,
        "breakable": _breakable,
    }
    pictures = _Pictures(data)
    slices = data.effects.slices if data.effects else ()
    drawn = [(each.parameter, draw_slice(each, data.effects)) for each in slices if data.effects]
    return environment.get_template("report.html").render(
        data=data,
        metric=data.protocol.metric.upper(),
        counts=counts_text(data),
        pictures=pictures,
        film=pictures.film(),
        curves=draw_curves(data),
        confirmation=draw_confirmation(data.confirmation) if data.confirmation else "",
        confirmed_lines=confirmation_lines(data.confirmation) if data.confirmation else (),
        slices=drawn[:_SLICES_SHOWN],
        more_slices=drawn[_SLICES_SHOWN:],
        families=sorted({trial.family for trial in data.trials}),
        states=[state for state in _STATES if any(_state(t) == state for t in data.trials)],
        state_of=_state,
        details=pictures.details(),
        follows=follows,
        version=harness.__version__,
    )


def value_text(value: Any) -> str:
    """Return a value of a configuration the way a reader wants it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


class _Pictures:
    """Encode a report's grids, each with a text that says what it shows.

    Args:
        data: The report's data.
    """

    def __init__(self, data: ReportData) -> None:
        self._data = data
        self._metric = data.protocol.metric.upper()
        count = sum(rung.grid is not None for trial in data.trials for rung in trial.rungs)
        self._side = side_for(count)

    def best(self, trial: TrialData) -> dict[str, str] | None:
        """Return the grid of a trial's best rung, as `src` and `alt`."""
        rung = trial.best_rung
        return self._picture(trial, rung) if rung else None

    def rows(self, trial: TrialData) -> tuple[str, ...]:
        """Return the names of a grid's rows, top to bottom; none where they mean nothing."""
        names, rung = self._data.class_names, trial.best_rung
        if not names or not trial.config.get("conditional") or not rung or not rung.grid:
            return ()
        return names if len(names) == grid_rows(rung.grid) else ()

    def film(self) -> list[dict[str, str]]:
        """Return the winner's grids over its training, in order; evenly thinned if many."""
        best = self._data.best
        if best is None:
            return []
        shown = [rung for rung in best.rungs if rung.grid]
        step = max(1, math.ceil(len(shown) / _MOST_FRAMES))
        kept = shown[:-1:step] + shown[-1:]
        return [self._frame(best, rung) for rung in kept]

    def details(self) -> dict[str, Any]:
        """Return what the page's script shows of a trial when asked, by its name."""
        return {trial.name: self._details(trial) for trial in self._data.trials}

    def _details(self, trial: TrialData) -> dict[str, Any]:
        searched = [name for name in self._data.searched if name in trial.config]
        names = [*searched, *(name for name in trial.config if name not in searched)]
        return {
            "title": trial.title,
            "family": trial.family,
            "ending": _ending(trial),
            "rungs": [self._frame(trial, rung) for rung in trial.rungs],
            "config": [[name, value_text(trial.config[name]), name in searched] for name in names],
        }

    def _frame(self, trial: TrialData, rung: Rung) -> dict[str, str]:
        interval = rung.interval
        spread = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        return {
            "kimg": f"{format_kimg(rung.kimg)} kimg",
            "score": f"{self._metric} {rung.value:.3f}{spread}",
            "seconds": format_seconds(rung.seconds),
            **(self._picture(trial, rung) or {"src": "", "alt": ""}),
        }

    def _picture(self, trial: TrialData, rung: Rung) -> dict[str, str] | None:
        if rung.grid is None:
            return None
        rows = ", ".join(self.rows(trial))
        alt = (
            f"Images generated by {trial.title} at {format_kimg(rung.kimg)} kimg, "
            f"{self._metric} {rung.value:.3f}" + (f"; a row each: {rows}" if rows else "")
        )
        return {"src": grid_uri(rung.grid, self._side), "alt": alt}


def _breakable(name: str) -> Markup:
    """Return a dotted path that a line may break within."""
    return Markup(".<wbr>").join(name.split("."))


def _strip(trial: TrialData) -> dict[str, str] | None:
    rung = trial.best_rung
    if rung is None or rung.grid is None:
        return None
    return {
        "src": strip_uri(rung.grid),
        "alt": f"One image of each row of {trial.title}'s grid at {format_kimg(rung.kimg)} kimg",
    }


def _state(trial: TrialData) -> str:
    return "baseline" if trial.is_baseline else trial.state


def _ending(trial: TrialData) -> str:
    reached = f"{format_kimg(trial.kimg)} kimg in {format_seconds(trial.seconds)}"
    if trial.outcome is None:
        return f"Running: {reached} so far."
    if trial.final:
        return f"Finished: {reached}; final {trial.final.protocol.name} {trial.final.text}."
    reason = trial.reason.replace("_", " ")
    return f"{trial.state.capitalize()} ({reason}): {reached}. {trial.outcome.detail}".rstrip()
