"""Render Jinja2 templates that lie beside a module, in its folder `templates`."""

import re
import shlex
from pathlib import Path

import jinja2

from harness.core.durations import format_kimg, format_seconds


def template_environment(module_file: str) -> jinja2.Environment:
    """Return what loads a module's templates; `.html` is escaped, an unknown name an error.

    The filter `markdown` takes names of the user's for what they are, not for marks; so does
    `shell`, for commands.

    Args:
        module_file: The module's `__file__`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(module_file).parent / "templates"),
        autoescape=jinja2.select_autoescape(),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "kimg": format_kimg,
        "seconds": format_seconds,
        "shell": shlex.quote,
        "markdown": lambda text: re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", str(text)),
    }
    return environment
