"""Give every command the same manners: one message and exit code 2 for what can be expected."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from harness.errors import HarnessError

EXIT_BAD_INPUT = 2
"""Exit code for input that was refused, or a folder or file that cannot be used."""

EXIT_CODES = (
    "Exit codes: 0 done; 2 refused, with one message; 130 stopped by Ctrl-C and 143 by SIGTERM, "
    "to be continued by the same command; 3 too many trials failed; 1 a fault of the program "
    "itself."
)

# What every command says of a data set beside its name; `with_options` reads them.
ClassesOption = Annotated[
    str | None,
    typer.Option(help="Classes to keep, by number or name, e.g. 0,3,7.", show_default=False),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        help="Shares of training, validation and test images, e.g. 80,10,10; two shares leave the "
        "test images as they are.",
        show_default=False,
    ),
]
ImageSizeOption = Annotated[
    int | None,
    typer.Option(help="Pixels a side that images are resized to, e.g. 32.", show_default=False),
]
FitOption = Annotated[
    str | None,
    typer.Option(
        help="How other shapes become squares: crop, the default, or stretch.", show_default=False
    ),
]
ChannelsOption = Annotated[
    int | None,
    typer.Option(help="1 for grey, 3 for RGB; by default what they are.", show_default=False),
]
DATASET_HELP = (
    "fashion_mnist, mnist, cifar10, or images of your own: folder:PATH, npz:FILE, idx:PATH or "
    "csv:FILE; a relative path begins at the current folder."
)


def new_app() -> typer.Typer:
    """Return a Typer application that leaves tracebacks alone."""
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )


@contextlib.contextmanager
def clear_errors(debug: bool) -> Iterator[None]:
    """Turn a HarnessError into one message on standard error and exit code 2, warnings into lines.

    Args:
        debug: Let the traceback through instead.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning
            yield
    except HarnessError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_BAD_INPUT) from error


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)
