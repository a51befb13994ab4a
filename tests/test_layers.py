"""Hold the import direction that DESIGN.md draws: down the floors, never sideways or up."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent

COMMANDS = frozenset(
    {
        "sweep",
        "train",
        "export",
        "extractor",
        "evaluate",
        "doctor",
        "studies",
        "report",
        "confirm",
        "dashboard",
        "explore",
    }
)

# What each room may import, besides itself. A command may import every room.
GROUND = frozenset(
    {
        "errors",
        "events",
        "outcome",
        "score",
        "seeds",
        "files",
        "locks",
        "scratch",
        "quiet",
        "durations",
        "faults",
        "provenance",
        "yaml_file",
    }
)
DATA = GROUND | {"data"}
TRAINING = DATA | {"gan", "metrics", "tracking", "training"}
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "seeds": frozenset(),
    "quiet": frozenset(),
    "provenance": frozenset(),
    "score": frozenset({"errors"}),
    "files": frozenset({"errors"}),
    "locks": frozenset({"errors", "files"}),
    "scratch": frozenset({"errors", "files", "locks"}),
    "faults": frozenset({"errors"}),
    "durations": frozenset({"errors"}),
    "yaml_file": frozenset({"errors", "faults", "files"}),
    "outcome": frozenset({"score"}),
    "events": frozenset({"outcome", "score"}),
    "data": GROUND | {"cli"},  # its `fetch` is a command
    "gan": frozenset({"errors", "faults", "yaml_file", "data"}),  # knows no FID, no files
    "metrics": DATA,  # knows no GAN
    "tracking": DATA,
    "training": TRAINING,
    "search": TRAINING | {"version"},
    # Both hand on what a confirmation has found.
    "exporting": TRAINING | {"search", "confirmation", "version"},
    "reporting": TRAINING | {"search", "confirmation", "version"},
    "confirmation": TRAINING | {"search", "version"},
    "diagnosis": TRAINING | {"search", "version"},
    "notebook": TRAINING | {"search", "reporting"},
    "cli": frozenset({"errors"}),
    "command_options": frozenset(),
    "terminal": frozenset(
        {"durations", "events", "outcome", "score", "yaml_file", "gan", "metrics", "search"}
    ),
}
# Libraries that belong to one room.
OWNERS = {"optuna": "search", "wandb": "tracking", "fsspec": "search", "ray": "search"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the first name below the package: a room, a ground module or a command."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def rooms_imported(path: Path) -> set[str]:
    # `import harness` is for the version alone.
    return {
        name.split(".")[1] if "." in name else "version"
        for name in imported(path)
        if name == "harness" or name.startswith("harness.")
    }


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path):
    room = room_of(path)
    if path == PACKAGE / "__init__.py" or room in COMMANDS:
        assert not rooms_imported(path) & COMMANDS, "a command imports another command"
        return
    assert room in MAY_IMPORT, f"{room} is a new room: give it a floor in DESIGN.md and here"
    assert rooms_imported(path) - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_stays_in_its_room(library: str):
    users = {
        room_of(path)
        for path in modules()
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert users == {OWNERS[library]}


def test_no_module_imports_relatively():
    relative = [path for path in modules() if any(n.startswith(".") for n in imported(path))]
    assert relative == []


def test_the_ground_floor_loads_nothing_heavy():
    heavy = {"tensorflow", "keras", "optuna", "wandb", "numpy", "scipy", "rich"}
    ground = [path for path in modules() if room_of(path) in GROUND]
    found = {name for path in ground for name in imported(path)} & heavy
    assert found == set()


def test_source_holds_no_asserts_and_runs_nothing_from_files():
    # Asserts vanish under `python -O`; pickle, eval and exec run what a file says.
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        asserts = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        assert asserts == [], f"{path}: {asserts}"
        assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & set(imported(path))
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not {"eval", "exec", "compile"} & calls, path


def test_no_module_grows_beyond_the_limit():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_the_reader_of_imports_sees_them_all(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text(
        "import harness\nimport harness.gan.config.config\n"
        "def late():\n    from harness.search import runner\n    import optuna.trial\n"
        "from . import sideways\n"
    )
    assert rooms_imported(file) == {"version", "gan", "search"}
    assert {"optuna.trial", "."} <= set(imported(file))
