"""Recognize names of functions of the user's own, `my_file.py:build`."""

import re

_REFERENCE = re.compile(
    r"(?P<path>[^:@]*[^:@/\\]\.py):(?P<function>[^:@]+)(@(?P<sha256>[0-9a-f]{64}))?"
)
"""`FILE.py:FUNCTION`, with the file's hash once it is pinned."""


def is_user_function(name: str) -> bool:
    """Return whether a name is that of a function of the user's own."""
    return _REFERENCE.fullmatch(name) is not None


def plain_name(name: str) -> str:
    """Return a name for people: `my_file.py:build` without the hash; other names as they are."""
    return name.partition("@")[0] if is_user_function(name) else name


def split_name(name: str) -> tuple[str, str, str]:
    """Return the file, the function and the hash that a pinned name consists of."""
    match = _REFERENCE.fullmatch(name)
    path, function, sha256 = match.group("path", "function", "sha256") if match else (name, "", "")
    return path, function, sha256 or ""
