"""Sphinx extension that writes the reference pages from the code, as a page is read.

A line `<!-- generated: NAME -->` in a page stands for what the function of that name in
`GENERATORS` returns, in Markdown. Nothing of it is committed, so it cannot fall behind the code.
"""

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from pydantic import BaseModel, ValidationError

import harness
from harness.cli.main import COMMANDS, MODULES
from harness.space.settings import (
    PRUNER_SETTINGS,
    SAMPLER_SETTINGS,
    Budget,
    FinishSettings,
    ProtocolSettings,
)

_MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_CHOICES = re.compile(r"must be one of (.*?)( or a function of your own.*?)?; received")


def commands() -> str:
    """Return a section for each command: its usage, its words, its options by panel."""
    parts = []
    for name in COMMANDS:
        command = command_of(name)
        parts.append(_command(f"gansweep {name}", command, level=2))
        for sub, each in getattr(command, "commands", {}).items():
            parts.append(_command(f"gansweep {name} {sub}", each, level=3))
    return "\n\n".join(parts)


def command_of(name: str) -> Any:
    """Return what a subcommand of `gansweep` is, by its name."""
    module = importlib.import_module(f"harness.{MODULES.get(name, name)}")
    return typer.main.get_command(module.app)


def _command(title: str, command: Any, *, level: int) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = " ".join((title, *(_argument(each) for each in arguments)))
    usage += " COMMAND" if hasattr(command, "commands") else " [OPTIONS]" if options else ""
    parts = [f"{'#' * level} `{title}`", f"```text\n{usage}\n```", inspect.cleandoc(command.help)]
    if arguments:
        lines = [_row(f"`{_argument(each)}`", "", each.help or "") for each in arguments]
        parts.append("\n".join((_row("argument", "", "meaning"), _RULE, *lines)))
    panels: dict[str, list[Any]] = {}
    for each in options:
        panels.setdefault(each.rich_help_panel or "Options", []).append(each)
    for panel, members in panels.items():
        lines = [_row(_spelling(each), _default(each), _meaning(each)) for each in members]
        heading = [f"**{panel}**"] if len(panels) > 1 else []
        parts += [*heading, "\n".join((_row("option", "default", "meaning"), _RULE, *lines))]
    if command.epilog:
        parts.append(inspect.cleandoc(command.epilog))
    return "\n\n".join(parts)


_RULE = "|---|---|---|"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _argument(argument: Any) -> str:
    return f"{argument.name.upper()}{'...' if argument.nargs < 0 else ''}"


def _spelling(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if option.is_flag:
        return names
    return f"{names} `{option.metavar or _kind(option.type_descriptor.annotation)}`"


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return "|".join(map(str, typing.get_args(annotation)))
    return {int: "INTEGER", float: "NUMBER", str: "TEXT"}.get(
        annotation, annotation.__name__
    ).upper()


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    if option.default is None or (option.is_flag and not option.secondary_opts):
        return ""
    if option.is_flag:
        return f"`{(option.opts if option.default else option.secondary_opts)[0]}`"
    return f"`{option.default}`"


def _meaning(option: Any) -> str:
    info = option.type_descriptor.parameter_info
    low, high = getattr(info, "min", None), getattr(info, "max", None)
    bounds = [f"at least {low}"] if low is not None else []
    bounds += [f"at most {high}"] if high is not None else []
    parts = [option.help or "", f"({', '.join(bounds)})" if bounds else ""]
    parts.append(f"Also from the variable `{option.envvar}`." if option.envvar else "")
    return " ".join(part for part in parts if part)


def exit_codes() -> str:
    """Return what each command says of its exit codes."""
    lines = []
    for name in COMMANDS:
        command = command_of(name)
        every = {name: command} | {
            f"{name} {sub}": each for sub, each in getattr(command, "commands", {}).items()
        }
        lines += [
            _row(f"`gansweep {title}`", each.epilog.removeprefix("Exit codes: "))
            for title, each in every.items()
            if each.epilog
        ]
    return "\n".join((_row("command", "exit codes"), "|---|---|", *lines))


def configuration() -> str:
    """Return every field of `GANConfig`, by section: type, choices, default, explanation."""
    model = harness.GANConfig
    parts = ["## The whole", _fields(model, prefix="")]
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            head = _summary(field.annotation)
            parts += [f"## `{name}`", head, _fields(field.annotation, prefix=f"{name}.")]
    return "\n\n".join(parts)


def search_space() -> str:
    """Return what a search space says beside its parameters."""
    parts = []
    for name, model in (
        ("budget", Budget),
        ("protocol", ProtocolSettings),
        ("finish", FinishSettings),
    ):
        parts += [f"## `{name}`", _summary(model), _fields(model, prefix=f"{name}.")]
    for name, kinds in (("sampler", SAMPLER_SETTINGS), ("pruner", PRUNER_SETTINGS)):
        parts.append(f"## `{name}`")
        for kind, model in kinds.items():
            table = _fields(model, prefix=f"{name}.")
            parts += [f"### `{{name: {kind}}}`", _summary(model), *([table] if table else [])]
    return "\n\n".join(parts)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _summary(model: type[BaseModel]) -> str:
    """Return a class's docstring without its arguments."""
    return inspect.cleandoc(model.__doc__ or "").partition("\n\nArgs:")[0]


def _fields(model: type[BaseModel], *, prefix: str) -> str:
    schema = model.model_json_schema()
    explained = arguments_of(model)
    lines = []
    for name, field in schema.get("properties", {}).items():
        if name == "name" and "const" in field:  # it stands in the heading
            continue
        annotation = model.model_fields[name].annotation
        if not _is_section(annotation) or prefix:
            choices = _named_choices(model, name) or _values(field)
            default = _yaml(field["default"]) if "default" in field else "needed"
            lines.append(_row(f"`{prefix}{name}`", choices, default, explained.get(name, "")))
    if not lines:
        return ""
    return "\n".join((_row("field", "values", "default", "meaning"), "|---|---|---|---|", *lines))


def arguments_of(model: type) -> dict[str, str]:
    """Return what the `Args:` of a class's docstring, and of its bases', say of each field."""
    said: dict[str, str] = {}
    for each in reversed(model.__mro__):
        _, _, text = inspect.cleandoc(each.__doc__ or "").partition("\n\nArgs:\n")
        said |= {name: " ".join(words.split()) for name, words in _ARGUMENT.findall(text)}
    return said


def _named_choices(model: type[BaseModel], name: str) -> str:
    """Return the names that a field of text takes, which its refusal of any other lists."""
    if model.model_fields[name].annotation is not str:
        return ""
    try:
        model.model_validate({name: "?"})
    except ValidationError as error:
        found = _CHOICES.search(str(error))
        if found:
            names = ", ".join(f"`{each}`" for each in found[1].split(", "))
            return f"{names}{' or a function of your own' if found[2] else ''}"
    return ""


def _values(field: Mapping[str, Any]) -> str:
    """Return in words which values a JSON schema allows."""
    if "anyOf" in field:
        return " or ".join(_values(each) for each in field["anyOf"])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{_scalar(each)}`" for each in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_values(field['items'])}"
    kind = {"integer": "integer", "number": "number", "boolean": "`true`, `false`",
            "string": "text", "null": "`null`"}.get(field.get("type", ""), "settings")  # fmt: skip
    bounds = (
        ("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"),
    )  # fmt: skip
    given = [f"{sign} {field[key]:,g}" if abs(field[key]) < 1e6 else f"{sign} {field[key]:,}"
             for key, sign in bounds if key in field]  # fmt: skip
    return " ".join((kind, ", ".join(given))).strip()


def _yaml(value: Any) -> str:
    return f"`{_scalar(value)}`"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def python_api() -> str:
    """Return a section for each public name, which autodoc fills."""
    return "\n\n".join(_documented(name) for name in harness.__all__)


def _documented(name: str) -> str:
    value = getattr(harness, name)
    kind = "function" if not isinstance(value, type) else "class"
    if isinstance(value, type) and issubclass(value, BaseException):
        kind = "exception"
    options = "\n   :members:" if kind == "class" else ""
    return f"## `{name}`\n\n```{{eval-rst}}\n.. auto{kind}:: harness.{name}{options}\n```"


GENERATORS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "exit-codes": exit_codes,
    "python-api": python_api,
    "search-space": search_space,
}


def expand(text: str) -> str:
    """Return a page with what is generated in the place of its marks, and links to papers."""
    text = _MARK.sub(lambda mark: GENERATORS[mark[1]](), text)
    return _ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def marks(text: str) -> Iterator[str]:
    """Yield the names of what a page wants generated."""
    return (mark[1] for mark in _MARK.finditer(text))


def _read(app: Any, docname: str, source: list[str]) -> None:
    if docname.startswith("docs/"):
        source[0] = expand(source[0])


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call this extension."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
