"""Write a report as plain text for the terminal."""

from harness.confirmation.confirmation_text import confirmation_lines
from harness.core.durations import format_seconds
from harness.core.templates import template_environment
from harness.reporting.report_data import Compute, ReportData

_ROWS = 10


_TABLE_WIDTH = 80


def report_text(data: ReportData, *, width: int = _TABLE_WIDTH) -> str:
    """Return the report without its pictures.

    Args:
        data: What it says.
        width: Columns of the terminal; with fewer than 80 the table of trials becomes a list.
    """
    text = (
        template_environment(__file__)
        .get_template("report.txt.j2")
        .render(
            data=data,
            counts=counts_text(data),
            beside=beside_text(data.compute),
            torn=data.torn,
            confirmed_lines=confirmation_lines(data.confirmation) if data.confirmation else (),
            most_rows=_ROWS,
            is_narrow=width < _TABLE_WIDTH,
        )
    )
    return text.rstrip()


def counts_text(data: ReportData) -> str:
    """Return e.g. `50 trials: 5 complete, 45 pruned; 12 promotions`."""
    counts = {state: count for state, count in data.counts.items() if count}
    listed = ", ".join(f"{count} {state}" for state, count in counts.items())
    promoted = "" if data.promotions is None else f"; {data.promotions} promotions"
    return f"{sum(counts.values())} trials{': ' if counts else ''}{listed}{promoted}"


def beside_text(compute: Compute) -> list[str]:
    """Return what was trained beside the search and what it took, e.g. `baselines 8 min`."""
    parts = {
        "baselines": compute.baselines,
        "the finish": compute.finish,
        "training again": compute.confirmation,
    }
    return [f"{name} {format_seconds(seconds)}" for name, seconds in parts.items() if seconds]
