import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.gan.networks.generators import build_generator
from harness.gan.user_code.contract import adopt
from harness.space.shipped import space_names
from harness.space.space import SearchSpace
from harness.space.user_function_examples import user_functions

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
# `console` blocks show commands after a dollar sign; other lines are what they printed.
COMMANDS = [
    line.removeprefix("$ ").split("#")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]


def block(kind: str, content: str) -> str:
    """Return the block of this kind that contains these words."""
    found = re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)
    (one,) = (each for each in found if content in each)
    return str(one)


def test_the_search_space_in_the_readme_loads(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(block("yaml", "name: mine"))
    assert SearchSpace.load(str(path)).name == "mine"


def test_the_function_of_ones_own_keeps_the_contract(tmp_path):
    (tmp_path / "my_file.py").write_text(block("python", "def build"))
    path = tmp_path / "own.yaml"
    others = "name: own\ndataset: fashion_mnist\nbudget: {rungs_kimg: [1]}\n"
    path.write_text(others + block("yaml", "my_file.py:build"))
    functions = user_functions(SearchSpace.load(str(path)))
    adopt(functions, (28, 28, 1), 10)
    ((_, name, config),) = functions.uses()
    assert build_generator(config, (28, 28, 1), 10).output.shape == (None, 28, 28, 1)
    assert name.startswith("my_file.py:build@")


@pytest.mark.slow
def test_the_study_in_ten_lines_runs(tmp_path, commands):
    script = tmp_path / "study.py"
    script.write_text(block("python", "run_study"))
    assert len(script.read_text().splitlines()) <= 10
    result = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=commands.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "studies/smoke/export/generator.keras").is_file()
    assert "studies/smoke/export" in result.stdout


@pytest.mark.slow
def test_measuring_without_a_study_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    script = block("python", "evaluator.measure")
    exec(compile(script, "README", "exec"), {})  # noqa: S102 - it is the README that is tested
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed][:2] == [
        "fid_fashion_cnn@1000",
        "fid_infinity_fashion_cnn@1000",
    ]


@pytest.mark.parametrize(
    "command", [line for line in COMMANDS if "-m harness." in line], ids=lambda line: line[-60:]
)
def test_every_option_in_a_command_exists(command, commands, tmp_path):
    name = re.search(r"-m harness\.(\w+)", command)[1]
    text = commands.run(name, "--help", cwd=tmp_path).stdout
    for option in re.findall(r"--[a-z-]+", command):
        assert option in text


def test_every_make_target_in_a_command_exists():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in COMMANDS if line.startswith("make ")}
    assert {"sweep", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_search_space_that_ships_is_named():
    for name in space_names():
        assert f"`{name}`" in README


def test_every_link_to_a_file_leads_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    for link in links:
        assert (Path(__file__).parents[1] / link).exists(), link
