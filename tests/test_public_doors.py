"""Hold that only public names of dependencies are used, and nothing of theirs is replaced.

What cannot be had otherwise stands in `docs/internals/private-doors.md`, at most six entries, each
with a contract test that fails when the dependency changes.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent
DOORS = PACKAGE.parent / "docs" / "internals" / "private-doors.md"
CONTRACTS = Path(__file__).parent / "contracts"
MOST = 6


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def own_names(tree: ast.AST) -> set[str]:
    """Return every private name that a file defines itself: methods, attributes, globals."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            of_oneself = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            names |= {node.attr} if of_oneself else set()
    return names


def imported_names(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def root_of(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def trespasses(source: str) -> Iterator[str]:
    """Yield each private name of somebody else that a file uses, and each that it replaces."""
    tree = ast.parse(source)
    own, foreign = own_names(tree), imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            parts = [*module.split("."), *(p for a in node.names for p in a.name.split("."))]
            yield from (f"{node.lineno}: import {name}" for name in parts if is_private(name))
            if "tensorflow.python" in ".".join(parts):
                yield f"{node.lineno}: import tensorflow.python"
        elif isinstance(node, ast.Attribute):
            if is_private(node.attr) and node.attr not in own:
                yield f"{node.lineno}: .{node.attr}"
            if isinstance(node.ctx, ast.Store) and root_of(node) in foreign:
                yield f"{node.lineno}: {root_of(node)}....{node.attr} = "
        elif isinstance(node, ast.Call) and root_of(node.func).endswith("attr"):
            strings = {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
            yield from (f"{node.lineno}: {name}" for name in strings - own if is_private(name))


def allowed() -> dict[str, str]:
    """Return the names that the list of exceptions holds, and the contract test of each."""
    rows = re.findall(r"^\| `([^`]+)` \|.*\| `([^`]+)` \|$", DOORS.read_text(), re.MULTILINE)
    return dict(rows)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_public_names_are_used(path: Path):
    found = [
        line
        for line in trespasses(path.read_text(encoding="utf-8"))
        if not any(line.endswith(name.rpartition(".")[2]) for name in allowed())
    ]
    assert found == []


def test_the_list_of_exceptions_is_short_and_each_is_held_by_a_test():
    assert len(allowed()) <= MOST
    for name, contract in allowed().items():
        file, _, test = contract.partition("::")
        assert f"def {test}(" in (CONTRACTS.parents[1] / file).read_text(), name


@pytest.mark.parametrize(
    "source",
    [
        "import optuna\noptuna.storages._cached_storage",
        "from optuna.storages._heartbeat import x",
        "def f(study):\n    return study._storage",
        "import ray\nray.worker.print_to_stdstream = print",
        "from tensorflow.python.eager import context",
        "def f(x):\n    return getattr(x, '_keras_history')",
    ],
)
def test_a_trespass_is_seen(source: str):
    assert list(trespasses(source)) != []


def test_ones_own_private_names_are_ones_own():
    source = (
        "class A:\n    def __init__(self):\n        self._x = 1\n"
        "    def f(self, o):\n        return o._x\n"
    )
    assert list(trespasses(source)) == []
