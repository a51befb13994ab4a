"""Hold that what the package imports is declared."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(requirements: list[str]) -> set[str]:
    return {normalized(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in requirements}


def imported() -> dict[str, set[str]]:
    """Return the top-level modules of others that are imported, each with the files."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                found.setdefault(name.split(".")[0], set()).add(str(path.relative_to(PACKAGE)))
    return {name: files for name, files in found.items() if name not in sys.stdlib_module_names}


IMPORTED = imported()
DECLARED = names_of(PROJECT["dependencies"]).union(
    *(
        names_of(each)
        for extra, each in PROJECT["optional-dependencies"].items()
        if extra != "test"
    )
)
# Not installed for the tests, so that their metadata cannot be asked.
NOT_LOCKED = {"torch": "torch"}


@pytest.mark.parametrize("module", sorted(IMPORTED.keys() - {"harness"}))
def test_every_import_is_declared(module: str):
    packages = importlib.metadata.packages_distributions().get(module, [NOT_LOCKED.get(module)])
    assert DECLARED & {normalized(str(each)) for each in packages}, IMPORTED[module]


def test_the_scan_sees_imports_within_functions():
    assert {"tensorflow", "optuna", "torch"} <= IMPORTED.keys()
