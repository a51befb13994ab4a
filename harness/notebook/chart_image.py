"""Turn a report's charts into pictures that stand alone, whatever page they are put in."""

import base64
from pathlib import Path

from markupsafe import Markup

_STYLE = (Path(__file__).parent / "templates" / "chart_image.css").read_text(encoding="utf-8")


def chart_image(drawing: Markup, *, text: str, width: float) -> Markup:
    """Return a chart as an image element with its own colours, on white.

    A notebook keeps styles from what it does not trust, and would take them for all of its page.

    Args:
        drawing: An SVG of `harness.reporting.charts`; an empty one gives nothing.
        text: What it shows, for who does not see it.
        width: In pixels.
    """
    if not drawing:
        return Markup("")
    head = '<svg xmlns="http://www.w3.org/2000/svg" '
    plain = str(drawing)  # what is put into Markup is escaped
    whole = plain.replace("<svg ", head, 1).replace(">", f"><style>{_STYLE}</style>", 1)
    coded = base64.b64encode(whole.encode()).decode()
    return Markup(
        '<img alt="{}" style="width:{:g}px;max-width:100%;background:#fff;border-radius:6px" '
        'src="data:image/svg+xml;base64,{}">'
    ).format(text, width, coded)
