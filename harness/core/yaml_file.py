"""Read YAML that people wrote: safely, with limits, and with faults that say where; write it."""

import contextlib
import re
from pathlib import Path
from typing import Any

import yaml

from harness.core.errors import ConfigError
from harness.core.files import place

MAX_BYTES = 256 * 1024

_PACKAGE = Path(__file__).parents[1]

_QUICK_BYTES = 4096
"""Longer text might be nested so deeply that libyaml, which is written in C, would crash."""


_INT, _FLOAT, _DATE = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp"))
_WITH_EXPONENT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class _Resolver(yaml.resolver.Resolver):
    """A resolver by which 1e-4 is a number, as in YAML 1.2, and a date is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, pattern) for tag, pattern in each if tag != _DATE]
        for first, each in yaml.resolver.Resolver.yaml_implicit_resolvers.items()
    }


_Resolver.add_implicit_resolver(_FLOAT, _WITH_EXPONENT, list("-+.0123456789"))


class _PlainMappings(yaml.constructor.SafeConstructor):
    """A constructor that refuses what PyYAML's takes for something else than people mean.

    Keys that are repeated or no text, and numbers to base 8 or 60.
    """

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number, unless YAML 1.1 counts it otherwise than people do."""
        whole = node.tag == _INT
        read = self.construct_yaml_int if whole else self.construct_yaml_float
        text, value = node.value, read(node)
        meant = text.replace("_", "").lstrip("+-")
        octal = whole and len(meant) > 1 and meant.isdecimal() and meant[0] == "0" and value != 0
        if ":" in text or octal:
            base, written = ("60", value) if ":" in text else ("8", int(text.replace("_", "")))
            problem = (
                f"YAML counts {text} to base {base}, as {value}; write {written}, or '{text}' in "
                f"quotes for text"
            )
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"keys must be text; received {key!r}. Quote it"
                if node.flow_style and value_node.value == "":  # what a comma cut off a number
                    problem = (
                        f"a comma ends the value before {key_node.value}; write 10,000 as 10000, "
                        f"and 1,5 as 1.5"
                    )
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} appears twice; keep one of them"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _PlainLoader(_Resolver, _PlainMappings, yaml.SafeLoader):
    """A loader that refuses aliases too."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few nested aliases stand for billions of values once something walks over them.
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"aliases (*{event.anchor}) are not supported; write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(_Resolver, getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """A dumper that quotes text which the loaders would read as a number."""


class _QuickLoader(_Resolver, _PlainMappings, _FAST):  # type: ignore[misc]
    """A loader for short text without aliases: eight times as fast, where there is libyaml."""


_loader: Any
for _loader in (_PlainLoader, _QuickLoader):
    for _tag in (_INT, _FLOAT):
        _loader.add_constructor(_tag, _loader.construct_number)


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file: plain dicts, lists, text and numbers.

    Raises:
        ConfigError: If the file cannot be read, is larger than `MAX_BYTES`, is not YAML, repeats
            a key, or uses aliases.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{place(path)}: cannot be read: {error.strerror}. Check the path."
        ) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{path}: a configuration of at most {MAX_BYTES} bytes is expected; received more. "
            f"Is it the right file?"
        )
    return parse_yaml(content, source=str(path))


def shipped_yaml(folder: str, *, package: Path = _PACKAGE) -> dict[str, Path]:
    """Return the YAML files that come with the package, by name; none if they are not installed.

    A wheel carries them inside the package; an editable installation leaves them at the top of
    the source tree, where people look for them.

    Args:
        folder: Which ones, e.g. `search_spaces`.
        package: Where the package lies.
    """
    found = next((root for root in (package, package.parent) if (root / folder).is_dir()), package)
    return {path.stem: path for path in sorted((found / folder).glob("*.yaml"))}


def parse_yaml(content: bytes | str, *, source: str) -> Any:
    """Return what YAML text holds; `source` names it in messages.

    Raises:
        ConfigError: As `read_yaml` does.
    """
    try:
        return _load(content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{source}: {where}{error.problem}.") from error
    except RecursionError as error:
        raise ConfigError(f"{source}: is nested too deeply to be a configuration.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{source}: is not YAML: {error}.") from error


def dump_yaml(content: Any) -> str:
    """Return plain content as YAML text, mappings in their own order."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False))


def _load(content: bytes | str) -> Any:
    # Whatever is wrong, the slower loader says it in its own words.
    with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):
        raw = content.encode() if isinstance(content, str) else content
        if len(raw) <= _QUICK_BYTES and b"*" not in raw:
            return yaml.load(raw, Loader=_QuickLoader)  # noqa: S506 - a SafeLoader
    return yaml.load(content, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
