"""Show what a study and a confirmation found as HTML, for a notebook."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from harness.cli.display import count_outcomes
from harness.confirmation.confirmation_text import confirmation_lines
from harness.confirmation.result import Confirmation
from harness.core.templates import template_environment
from harness.notebook.chart_image import chart_image
from harness.reporting.charts import curves, plots
from harness.reporting.charts.curves import draw_curves
from harness.reporting.charts.plots import draw_confirmation
from harness.reporting.report_data import read_report
from harness.study.leaderboard import Entry

_ROWS = 10


def study_html(folder: Path, ranked: Sequence[Entry]) -> str:
    """Return a study's leaderboard and the scores of its trainings over kimg.

    Args:
        folder: The study.
        ranked: Its trainings, best first.

    Raises:
        HarnessError: If the study cannot be read.
    """
    score = next((entry.score for entry in ranked if entry.score), None)
    drawn = draw_curves(read_report(folder)) if score else Markup("")
    text = "The score of each training at each rung, lower is better"
    return (
        template_environment(__file__)
        .get_template("study.html")
        .render(
            folder=folder,
            counts=count_outcomes(list(ranked)),
            protocol=score.protocol if score else None,
            shown=list(enumerate(ranked, start=1))[:_ROWS],
            more=max(0, len(ranked) - _ROWS),
            curves=chart_image(drawn, text=text, width=curves.WIDE.width),
        )
    )


def confirmation_html(result: Confirmation) -> str:
    """Return what new seeds found of a study's leaders.

    Args:
        result: The confirmation, ended or not.
    """
    text = "Each candidate's scores on new seeds, lower is better"
    chart = chart_image(draw_confirmation(result), text=text, width=plots.WIDE.width)
    return (
        template_environment(__file__)
        .get_template("confirmation.html")
        .render(result=result, lines=confirmation_lines(result), chart=chart)
    )
