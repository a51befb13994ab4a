import copy
from pathlib import Path

from harness.gan.user_code.user_functions import NO_FUNCTIONS, named_functions
from harness.space.space import SearchSpace, load_enqueued
from harness.space.user_function_examples import user_functions

RECORD = {
    "name": "own",
    "dataset": "fashion_mnist",
    "parameters": {
        "generator.name": {"choices": ["mlp", "net.py:build", "net.py:other"]},
        "generator.width": [
            {"when": {"generator.name": "mlp"}, "choices": [16, 32]},
            {"when": {"generator.name": ["net.py:build", "net.py:other"]}, "choices": [8]},
        ],
        "loss.name": {"value": "loss.py:distance"},
    },
    "budget": {"rungs_kimg": [1]},
}


def own_space(folder: Path) -> SearchSpace:
    for name in ("net.py", "loss.py"):
        (folder / name).write_text(f"# {name}\n")
    return SearchSpace.from_dict(copy.deepcopy(RECORD), source="own.yaml", folder=folder)


def test_each_function_has_an_example(tmp_path: Path):
    functions = user_functions(own_space(tmp_path))
    assert {file.name for file in functions.files} == {"net.py", "loss.py"}
    uses = {(role, name.partition("@")[0]) for role, name, _ in functions.uses()}
    assert uses == {
        ("generator", "net.py:build"),
        ("generator", "net.py:other"),
        ("loss", "loss.py:distance"),
    }
    for _, name, config in functions.uses():
        assert name in dict(named_functions(config)).values()


def test_a_space_without_any_has_no_example():
    assert user_functions(SearchSpace.load("smoke")) == NO_FUNCTIONS


def test_a_files_content_belongs_to_the_space(tmp_path: Path):
    before = own_space(tmp_path)
    (tmp_path / "loss.py").write_text("# another\n")
    after = SearchSpace.from_dict(copy.deepcopy(RECORD), source="own.yaml", folder=tmp_path)
    assert before.sha256 != after.sha256
    (line,) = before.diff(after)
    assert line.startswith("parameters.loss.name: {'value': 'loss.py:distance@")


def test_optunas_names_have_no_hashes(tmp_path: Path):
    names = set(own_space(tmp_path).distributions())
    assert {"generator.width[mlp]", "generator.width[net.py:build|net.py:other]"} <= names


def test_an_enqueued_configuration_names_it_as_the_space_does(tmp_path: Path):
    space = own_space(tmp_path)
    path = tmp_path / "tries.yaml"
    path.write_text("- {generator.name: net.py:build, generator.width: 8}\n")
    (params,) = load_enqueued(path, space)
    (pinned,) = (name for _, name, _ in user_functions(space).uses() if "build" in name)
    assert params["generator.name"] == pinned
