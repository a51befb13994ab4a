"""Print to a terminal of any width, and what is the user's as the user wrote it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import rich.box
from rich.console import (
    Console,
    ConsoleOptions,
    JustifyMethod,
    RenderableType,
    RenderResult,
)
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.core.errors import plain_text

_ANY_WIDTH = 10_000


class _PlainConsole(Console):
    """A console to which the control characters of texts are characters like others.

    What a file of somebody else's says moves no cursor; Rich's own colours are no text.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(plain_text(text), style)

    def out(self, *objects: Any, **options: Any) -> None:
        """Print a line without wrapping it."""
        super().out(*(plain_text(str(each)) for each in objects), **options)


def new_console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: brackets and colons in names mean nothing."""
    return _PlainConsole(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)


class FittingTable(Table):
    """A table that becomes a list where it is wider than the terminal: no number is ever cut.

    Args:
        columns: Their heads.
        left: Those of them that hold text.
        wraps: The one of them whose words may stand in several lines.
        **options: As Rich has them.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        left: Collection[str] = (),
        wraps: str = "",
        **options: Any,
    ) -> None:
        # Without lines between columns more of them fit.
        looks: dict[str, Any] = {
            "box": rich.box.SIMPLE_HEAD,
            "padding": (0, 1, 0, 0),
            "title_justify": "left",
        }
        super().__init__(**(looks | options))
        for column in columns:
            justify: JustifyMethod = "left" if column in left else "right"
            self.add_column(column, justify=justify, no_wrap=column != wraps)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; its texts are as wide as they are printed."""
        shown = (plain_text(each) if isinstance(each, str) else each for each in cells)
        super().add_row(*shown, **options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the table, or a line for each of its cells."""
        unbounded = options.update(max_width=_ANY_WIDTH)
        narrowest = Measurement.get(console, unbounded, self).maximum - self._spared(console)
        if narrowest <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        heads = [str(column.header) for column in self.columns]
        yield Text(str(self.title or ""))
        for row in zip(*(column.cells for column in self.columns), strict=True):
            cells = zip(heads, row, strict=True)
            yield Text(
                "\n".join(f"{head}: {cell}" for head, cell in cells if isinstance(cell, str))
            )
            yield Text("")
        yield Text(str(self.caption or ""))

    def _spared(self, console: Console) -> int:
        """Return by how much the column whose words wrap can become narrower."""
        wrapping = next((column for column in self.columns if not column.no_wrap), None)
        if wrapping is None:
            return 0
        measured = [
            Measurement.get(console, console.options.update(max_width=_ANY_WIDTH), cell)
            for cell in (wrapping.header, *wrapping.cells)
        ]
        return max(m.maximum for m in measured) - max(m.minimum for m in measured)
