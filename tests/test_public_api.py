"""Pin what the package offers, and what merely looking at it must not load."""

import ast
import importlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness

COMMANDS = sorted(
    path.stem
    for path in Path(harness.__file__).parent.glob("*.py")
    if re.search(r"^app = ", path.read_text(encoding="utf-8"), re.MULTILINE)
)
HEAVY = ("tensorflow", "keras", "wandb", "optuna", "scipy")


def test_what_type_checkers_see_is_what_is_loaded():
    # The names stand in three lists: for type checkers, for `import *`, and with their modules.
    tree = ast.parse(Path(harness.__file__).read_text(encoding="utf-8"))
    (seen,) = [node for node in tree.body if isinstance(node, ast.If)]
    names = {alias.name: node.module for node in seen.body for alias in node.names}
    assert sorted(names) == sorted(harness.__all__)
    for name, module in names.items():
        assert getattr(harness, name) is getattr(importlib.import_module(module), name)


def test_the_readme_imports_public_names_alone():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    imported = re.findall(r"^from harness import (.+)$", readme, re.MULTILINE)
    names = {name for line in imported for name in line.split(", ")}
    assert "run_study" in names
    assert names <= set(harness.__all__)


@pytest.mark.parametrize("name", harness.__all__)
def test_every_public_name_leads_to_its_object(name: str):
    thing = getattr(harness, name)
    assert thing.__name__ == name
    assert getattr(importlib.import_module(thing.__module__), name) is thing


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'harness' has no attribute 'run_studies'"):
        _ = harness.run_studies


def modules_loaded_by(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy():
    assert not modules_loaded_by("import harness") & set(HEAVY)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str):
    began = time.monotonic()
    loaded = modules_loaded_by(
        f"sys.argv = ['{command}', '--help']\n"
        f"from harness.{command} import app\n"
        f"try:\n    app()\nexcept SystemExit as end:\n    assert end.code == 0\n"
    )
    print(f"{command} --help: {time.monotonic() - began:.2f} s")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_exit_codes(command: str):
    result = subprocess.run(
        [sys.executable, "-m", f"harness.{command}", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert re.search(r"Exit codes: 0 [^;]+;.* 2 refused, with one message", text)
