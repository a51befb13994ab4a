"""The ways in which the harness refuses: one root, one message each."""

import contextlib
import difflib
import importlib.util
import os
import re
from collections.abc import Iterable


class HarnessError(Exception):
    """An expected error: the message says where, what was received, what was expected, the remedy.

    A command prints the message once and exits with code 2; the traceback shows with `--debug`.
    """


class ConfigError(HarnessError):
    """A search space, a preset, a configuration or an option that is refused."""


class DataError(HarnessError):
    """Images or labels that are missing, damaged or of the wrong form."""


class StudyError(HarnessError):
    """A study that does not exist, is empty, is in use or does not match the request."""


class StorageError(HarnessError):
    """A file that cannot be read or written."""


class DamagedError(StorageError):
    """A file whose content was damaged after it was written."""


class ScoreError(HarnessError):
    """Features that cannot be turned into a number."""


class ProtocolMismatchError(HarnessError):
    """Scores that were measured differently and must not be ranked together."""


class MissingExtraError(HarnessError):
    """A chosen option whose optional package is not installed."""


class ExportError(HarnessError):
    """A file that does not give the images of the generator it stands for."""


def near_miss(received: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the known name nearest to the received one, or nothing."""
    matches = difflib.get_close_matches(received, list(known), n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What moves a terminal's cursor, colours it, or turns the direction of what follows; and the
surrogates by which Python reads bytes that are no UTF-8. Neither tabs nor ends of lines."""


def plain_text(text: str) -> str:
    """Return text with its control characters written out, as terminals and tables get it."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def unprintable(text: str) -> str:
    """Return text that is no single line of UTF-8 as Python would write it; nothing for other."""
    if re.search("[\ud800-\udfff]", text):  # how Python reads names whose bytes are no UTF-8
        return ascii(os.fsencode(text))
    return ascii(text) if re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", text) else ""


_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|HEADERS", re.IGNORECASE)
_LEAST_SECRET, _LEAST_VALUE = 6, 8


def without_credentials(text: str) -> str:
    """Return text whose addresses have no name and password before the host."""
    return _CREDENTIALS.sub("", text)


def without_secrets(text: str) -> str:
    """Return text of somebody else's as it may be kept, printed and shared.

    Values of environment variables become the variables' names: any value in a variable whose
    name tells of a secret, and elsewhere what is too long and odd for a word. Credentials in
    addresses are left out; the home folder is `~`, and paths from here on are relative.
    """
    kept = without_credentials(text)
    with contextlib.suppress(OSError):  # a folder that was removed meanwhile
        kept = kept.replace(f"{os.getcwd()}/", "")  # noqa: PTH109 - a text
    home = os.path.expanduser("~")  # noqa: PTH111 - a text, and some accounts have none
    hidden = {home: "~"} if len(home) > 1 else {}
    for name, value in os.environ.items():
        told = _SECRET_NAME.search(name) and len(value) >= _LEAST_SECRET
        if told or (len(value) >= _LEAST_VALUE and not value.isalpha()):
            hidden.setdefault(value, f"${name}")
    for value in sorted(hidden, key=len, reverse=True):
        whole = r"(?![\w.-])" if value.startswith("/") else ""  # no part of another folder's name
        kept = re.sub(re.escape(value) + whole, hidden[value].replace("\\", r"\\"), kept)
    return kept


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, at most 300 characters, without secrets."""
    return without_secrets((str(error).strip().splitlines() or [""])[0])[:300]


def require_packages(wanted: str, packages: Iterable[str], remedy: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Args:
        wanted: What needs them, as the message begins, e.g. `--formats: onnx`.
        packages: Names to import.
        remedy: How to install them, or what to choose instead.

    Raises:
        MissingExtraError: If one is missing.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingExtraError(
            f"{wanted} needs {', '.join(missing)}, which {verb} not installed. {remedy}"
        )
