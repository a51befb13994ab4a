"""Put a report's data, charts and pictures together as one HTML file that needs nothing else."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.confirmation.confirmation_text import confirmation_lines
from harness.core.durations import format_kimg, format_seconds
from harness.core.files import write_text
from harness.core.locks import is_locked
from harness.core.templates import template_environment
from harness.core.version import __version__
from harness.reporting.charts import curves, plots
from harness.reporting.charts.curves import colour_of, draw_curves
from harness.reporting.charts.plots import draw_confirmation, draw_slice
from harness.reporting.charts.svg import Layout
from harness.reporting.pictures import Pictures
from harness.reporting.report_data import ReportData
from harness.reporting.report_text import beside_text, counts_text
from harness.reporting.trials import TrialData

PAGE = "index.html"
"""The name of the file that a report consists of."""

_SLICES_SHOWN = 8
_LONGEST_EXAMPLE = 30
_STATES = ("complete", "pruned", "failed", "paused", "running", "baseline")


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
    pictures, effects, confirmation = Pictures(data), data.effects, data.confirmation
    metric = data.protocol.metric.upper()
    slices = effects.slices if effects else ()
    drawn = [(each.parameter, draw_slice(each, effects, metric)) for each in slices if effects]
    environment = template_environment(__file__)
    environment.filters |= {"number": value_text, "colour": colour_of, "breakable": _breakable}
    return environment.get_template("report.html").render(
        data=data,
        metric=metric,
        counts=counts_text(data),
        pictures=pictures,
        curves=_both(lambda layout: draw_curves(data, layout), (curves.WIDE, curves.NARROW)),
        confirmation=_both(
            lambda layout: draw_confirmation(confirmation, layout), (plots.WIDE, plots.NARROW)
        )
        if confirmation
        else "",
        confirmed_lines=confirmation_lines(confirmation) if confirmation else (),
        slices=drawn[:_SLICES_SHOWN],
        more_slices=drawn[_SLICES_SHOWN:],
        families=sorted({trial.family for trial in data.trials if not trial.is_baseline}),
        states=[state for state in _STATES if any(_state(t) == state for t in data.trials)],
        state_of=_state,
        details={trial.name: _details(data, pictures, trial) for trial in data.trials},
        example=example_search(data),
        beside=beside_text(data.compute),
        torn=data.torn,
        follows=follows,
        version=__version__,
    )


def value_text(value: Any) -> str:
    """Return a value of a configuration the way a reader wants it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def example_search(data: ReportData) -> str:
    """Return words that find something in the leaderboard, short enough for a phone.

    Args:
        data: The best training is what they find: its family and one of its searched values.
    """
    trial = data.best or next(iter(data.trials), None)
    if trial is None:
        return ""
    said = [
        f"{name}={value_text(trial.config[name])}"
        for name in data.searched
        if trial.config.get(name) is not None and not name.endswith(".name")
    ]
    # One word for the whole, as words are looked for one by one.
    shortest = min((text for text in said if " " not in text), key=len, default="")
    both = f"{trial.family} {shortest}".strip()
    return both if len(both) <= _LONGEST_EXAMPLE else trial.family


def _details(data: ReportData, pictures: Pictures, trial: TrialData) -> dict[str, Any]:
    """Return what the page's script shows of a trial when asked."""
    searched = [name for name in data.searched if name in trial.config]
    names = [*searched, *(name for name in trial.config if name not in searched)]
    return {
        "title": trial.title,
        "family": trial.family,
        "ending": _ending(trial),
        "rungs": pictures.details(trial),
        "config": [[name, value_text(trial.config[name]), name in searched] for name in names],
    }


def _both(draw: Callable[[Layout], Markup], layouts: Sequence[Layout]) -> Markup:
    """Return a chart once for each kind of screen; the page shows the one that suits."""
    return Markup("").join(draw(layout) for layout in layouts)


def _breakable(name: str) -> Markup:
    """Return a dotted path, or the name of a preset, that a line may break within."""
    mark = "." if "." in name else "_"
    return Markup(f"{mark}<wbr>").join(name.split(mark))


def _state(trial: TrialData) -> str:
    return "baseline" if trial.is_baseline else trial.state


def _ending(trial: TrialData) -> str:
    reached = f"{format_kimg(trial.kimg)} kimg in {format_seconds(trial.seconds)}"
    if trial.outcome is None or not trial.is_ended:
        return f"{trial.state.capitalize()}: {reached} so far."
    if trial.final:
        return f"Finished: {reached}; final {trial.final.protocol.name} {trial.final.text}."
    reason = trial.reason.replace("_", " ")
    return f"{trial.state.capitalize()} ({reason}): {reached}. {trial.outcome.detail}".rstrip()


_PATTERNS = (
    "study.json",
    "export/metrics.json",
    "nearest/*.json",
    "confirmation/result.json",
    "*/*/config.yaml",
    "*/*/history.jsonl",
    "*/*/outcome.json",
)
_LARGEST_SHARE = 0.05  # of one core: the sweep needs them all


def keep_current(folder: Path, write: Callable[[bool], None], *, every_seconds: float) -> None:
    """Write a report again and again, until no sweep runs on the study any more.

    Args:
        folder: The study.
        write: Writes the report; told whether more is to come.
        every_seconds: The shortest pause between two looks at the study; it grows where writing
            takes long, to leave the machine to the sweep.
    """
    seen: object = None
    while True:
        # Looked at before reading: what changes meanwhile is found the next time.
        found = is_locked(folder), _stamps(folder)
        pause = every_seconds
        if found != seen:
            began = time.process_time()  # on a busy machine, waiting costs the sweep nothing
            write(found[0])
            pause = max(pause, (time.process_time() - began) / _LARGEST_SHARE)
            seen = found
        if not found[0]:
            return
        time.sleep(pause)


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file that a report is made of was written, and its size."""
    stamps = {}
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            try:
                found = path.stat()
            except FileNotFoundError:  # replaced at this moment
                continue
            stamps[path] = found.st_mtime_ns, found.st_size
    return stamps
