"""Hold the house together: imports only go down, no circle, rooms of a size, no name twice."""

import ast
import functools
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent

FLOORS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            {"core"},
            {"data"},
            {"gan", "metrics", "tracking"},  # none knows another
            {"training"},
            {"space"},
            {"study"},
            {"backends", "optimization"},
            {"runner"},
            {"confirmation"},
            {"reporting", "exporting", "diagnosis", "optuna_dashboard"},
            {"cli"},
            {"notebook"},
        ),
    )
)
"""From the ground up; the commands and `api` stand on top. A room imports from lower floors."""

OWNERS = {
    "optuna": {"space", "study", "optimization", "runner", "optuna_dashboard"},
    "wandb": {"tracking"},
    "ray": {"backends"},
}
"""Libraries that belong to some rooms."""

HEAVY = {"tensorflow", "keras", "optuna", "wandb", "numpy", "scipy", "rich", "ray"}
MOST_FILES, MOST_SHARE, MOST_ON_TOP, MOST_LINES = 22, 0.15, 14, 400


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    """Return the first name below the package: a room, a command or `api`."""
    return name.split(".")[1] if "." in name else "harness"


@functools.cache
def known() -> frozenset[str]:
    return frozenset(map(name_of, modules()))


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in known() else module


def ours(path: Path) -> set[str]:
    return {name for name in imported(path) if name.split(".")[0] == "harness"}


def floor_of(room: str) -> int:
    return next((n for n, rooms in enumerate(FLOORS) if room in rooms), len(FLOORS))


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of names that reach each other; removing leaves until none is left."""
    left = {name: set(targets) - {name} for name, targets in graph.items()}
    while True:
        ends = {name for name, targets in left.items() if not targets & left.keys()}
        if not ends:
            return [sorted(left)] if left else []
        left = {name: targets - ends for name, targets in left.items() if name not in ends}


def test_every_folder_has_a_floor():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == frozenset().union(*FLOORS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path):
    room = room_of(name_of(path))
    for name in ours(path):
        other = room_of(name)
        if room == "harness":  # what `from harness import ...` gives
            continue
        if floor_of(room) == len(FLOORS):  # a command: every room, `api`, no other command
            assert floor_of(other) < len(FLOORS) or other in {room, "api"}, name
        else:
            assert other == room or floor_of(other) < floor_of(room), name


def test_no_import_goes_in_a_circle():
    assert circles({name_of(path): ours(path) for path in modules()}) == []


def test_a_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) != []
    assert circles({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a"}}) == []


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_stays_in_its_rooms(library: str):
    users = {
        room_of(name_of(path))
        for path in modules()
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert users <= OWNERS[library]


def test_no_module_imports_relatively():
    relative = [path for path in modules() if any(n.startswith(".") for n in imported(path))]
    assert relative == []


def test_core_loads_nothing_heavy():
    found = {
        name.split(".")[0]
        for path in modules()
        if room_of(name_of(path)) == "core"
        for name in imported(path)
    }
    assert found & HEAVY == set()


def test_rooms_keep_a_size_that_one_look_takes_in():
    files: Counter[Path] = Counter(path.parent for path in modules())
    lines: defaultdict[Path, int] = defaultdict(int)
    for path in modules():
        lines[path.parent] += len(path.read_text(encoding="utf-8").splitlines())
    most = MOST_SHARE * sum(lines.values())
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}
    assert {folder: count for folder, count in lines.items() if count > most} == {}
    assert files[PACKAGE] <= MOST_ON_TOP


def test_no_module_grows_beyond_the_limit():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_file_and_no_class_has_the_name_of_another():
    files = Counter(path.name for path in modules() if path.name != "__init__.py")
    classes = Counter(
        node.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {
        name for name, count in itertools.chain(files.items(), classes.items()) if count > 1
    } == (set())


def test_every_room_says_what_it_may_import_and_holds():
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent == PACKAGE or path.parent.name == "templates":
            continue
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert len(docstring.splitlines()) >= 4, path


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


def test_the_reader_of_imports_sees_them_all(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text(
        "import harness.gan.config\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from harness.space import space\n"
        "def late():\n    from harness.runner.study_runner import StudyRunner\n"
        "    import optuna.trial\n"
        "from . import sideways\n"
    )
    assert ours(file) == {
        "harness.gan.config",
        "harness.space.space",
        "harness.runner.study_runner",
    }
    assert {"optuna.trial", "."} <= set(imported(file))
