"""The manners of every command: one message and exit code 2 for what can be expected."""

import contextlib
import logging
import os
import re
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from socketserver import BaseServer
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from harness.core.errors import ConfigError, HarnessError, near_miss, plain_text, unprintable
from harness.core.process import NOT_FOLLOWED, read_keras_file, settle_output

_WARNING = re.compile(r".*?:\d+: \w+: (.*?)(?:\n  [^\n]*)?\n", re.DOTALL)
"""A warning as Python formats it, with the line of code behind it where there is one."""

_PASSWORD = re.compile(r"://[^/\s@]*:[^/\s@]+@")
"""Credentials in an address."""

EXIT_BAD_INPUT = 2
"""Exit code for input that was refused, or a folder or file that cannot be used."""

EXIT_CODES = (
    "Exit codes: 0 done; 2 refused, with one message; 130 stopped by Ctrl-C and 143 by SIGTERM, "
    "to be continued by the same command; 3 too many trials failed, or none completed; 1 a fault "
    "of the program itself."
)


class _App(typer.Typer):
    """An application that refuses a command line in one line, where Typer would draw a box."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        settle_output()
        if not os.environ.get("COLUMNS", "1").strip("0"):
            del os.environ["COLUMNS"]  # a width of 0 is no width
        given = [str(each) for each in (args[0] if args else sys.argv[1:])]
        try:
            _check_text(given)
            code = super().__call__(*args, standalone_mode=False, **kwargs)
        except TyperException as error:
            print(f"error: {plain_text(_refusal(error))}", file=sys.stderr)
            code = EXIT_BAD_INPUT
        except typer.Abort:  # at a question, by Ctrl-C or at the end of the input
            print("error: stopped; nothing was done.", file=sys.stderr)
            code = 1
        sys.exit(code or 0)


def new_app(*, cls: type[TyperGroup] | None = None, add_completion: bool = False) -> typer.Typer:
    """Return a Typer application that leaves tracebacks alone.

    Args:
        cls: How it finds its commands; None for Typer's own way.
        add_completion: Whether it can install itself into a shell.
    """
    return _App(
        cls=cls,
        add_completion=add_completion,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse what a script's empty variable gives, and text that no file could hold as it is."""
    option = ""
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if not (argument.startswith("--") and sign):
            name, value = option or "argument", argument
        expected = ""
        if not value:
            expected = "expected some text; received ''. Leave it out, or look at the variable"
        elif _PASSWORD.search(value):
            expected = (
                "expected no password; received an address with one, which others could read in "
                "the list of this machine's processes, in logs and in a cluster's records. "
                "Leave it out"
            )
        elif shown := unprintable(value):
            expected = f"expected one line of UTF-8 text; received {shown}. Rename it"
        if expected:
            raise TyperException(f"{name}: {expected}")
        option = argument if argument.startswith("-") else ""


def _refusal(error: TyperException) -> str:
    """Return what is wrong with a command line, its place first, as all our messages have it."""
    from pydantic import ValidationError  # imported for a refusal alone

    message = " ".join(error.format_message().split()).rstrip(".")
    hint = ""
    option = re.match(r"Invalid value for '([^' ]*)", message)
    if option and isinstance(error.__cause__, ValidationError):
        fault = error.__cause__.errors()[0]
        expected = fault["msg"].removeprefix("Input should be ").partition(", unable")[0]
        if " is not one of " in expected:  # a Literal's values
            known = re.findall(r"'([^']*)'", expected.rpartition(" is not one of ")[2])
            expected = f"one of {', '.join(known)}"
            hint = near_miss(fault["input"], known)
        message = f"{option[1]}: expected {expected}; received {fault['input']!r}"
    return f"{message}{'' if message.endswith('?') else '.'}{hint} See --help."


@contextlib.contextmanager
def clear_errors(debug: bool) -> Iterator[None]:
    """Turn a HarnessError into one message on standard error and exit code 2, warnings into lines.

    Args:
        debug: Let the traceback through instead.
    """
    with contextlib.suppress(ConfigError):  # said where Keras is needed
        read_keras_file()
    for name, why in NOT_FOLLOWED.items():
        print(f"note: {name} is not followed: {why}.", file=sys.stderr)
    try:
        with _warnings_in_lines():
            yield
    except HarnessError as error:
        if debug:
            raise
        print(f"error: {plain_text(str(error))}", file=sys.stderr)
        raise typer.Exit(EXIT_BAD_INPUT) from error


def serve(server: BaseServer, address: str, message: str, *, browser: bool) -> None:
    """Serve a page of this machine until Ctrl-C.

    Args:
        server: What answers.
        address: Where it listens.
        message: What to print first.
        browser: Whether to open the page.
    """
    print(f"{message}\nCtrl-C ends it.", flush=True)
    if browser:
        # Beside the server: a browser in the terminal would not let it begin.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("Ended.")


def open_browser(address: str) -> None:
    """Open a page beside what else is shown; nothing where only the terminal could show it.

    Args:
        address: Of the page.
    """
    windows = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform == "linux" and not any(map(os.environ.get, windows)):
        return  # a browser in the terminal would take it from the sweep
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


@contextlib.contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Let SIGTERM leave the block as Ctrl-C does, so that what is temporary is removed.

    The exit code is the one that shells give to a process which the signal ended: 143.
    """
    if threading.current_thread() is not threading.main_thread():  # no other may take signals
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not cut the removal short
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _WarningLines(logging.Handler):
    """A handler that prints what a warning says, without its place in the code."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one warning, which Python has formatted as `FILE:LINE: CATEGORY: MESSAGE`."""
        found = _WARNING.fullmatch(record.getMessage())
        message = plain_text(found[1] if found else record.getMessage())
        print(f"warning: {message}", file=sys.stderr)


@contextlib.contextmanager
def _warnings_in_lines() -> Iterator[None]:
    handler, logger = _WarningLines(), logging.getLogger("py.warnings")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        logger.removeHandler(handler)
        logger.propagate = propagate
