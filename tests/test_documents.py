"""Follow the README and docs/: their commands, options, links, scripts and manifests."""

import functools
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import GANConfig, SearchSpace
from harness.gan.networks.generators import build_generator
from harness.gan.presets import PRESETS
from harness.gan.user_code.contract import register_user_functions
from harness.space.space import space_names
from harness.study.leaderboard import read_entries
from tests.conftest import SweptStudy
from tests.support.commands import TIMEOUT_SECONDS, Commands
from tests.support.hosts import Host, Hosts, running_hosts, why_none

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs" / "_ext"))
import generated  # noqa: E402 - the extension of the documentation lies beside it

PATHS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PATHS}
# What is added to a documented command so that it ends within a minute.
SMALL = ("--search-space", "smoke", "--trials", "3", "--workers", "2", "--tracker", "jsonl")
OPTION = re.compile(r"--[a-z][a-z-]*")
# Options in prose of `ray`, `sbatch` and the exported `generate.py`.
OF_OTHERS = {"--head", "--signal", "--batch", "--num-gpus", "--generate", "--class", "--count"}

every_document = pytest.mark.parametrize("name", DOCUMENTS)


def blocks(text: str, kind: str, content: str = "") -> list[str]:
    """Return the fenced blocks of a kind that contain these words."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for block in found if content in block]


def block(name: str, kind: str, content: str) -> str:
    (one,) = blocks(DOCUMENTS[name], kind, content)
    return one


def lines_of(script: str) -> list[tuple[str, str]]:
    """Return each command of a script, and the comment behind it."""
    lines = script.replace("\\\n", " ").splitlines()
    parts = [line.partition(" #") for line in lines if not line.startswith("#")]
    return [(command.strip(), comment.strip()) for command, _, comment in parts if command.strip()]


def commands_of(text: str) -> list[str]:
    """Return every command that a document gives: in scripts, at a prompt, and in its tables."""
    shown = [line[2:] for each in blocks(text, "console") for line in each.splitlines()
             if line.startswith("$ ")]  # fmt: skip
    given = [command for each in (*blocks(text, "sh"), *shown) for command, _ in lines_of(each)]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return given + re.findall(r"`(gansweep [^`]+|python -m harness\.[^`]+)`", prose)


def our_words(command: str) -> list[str]:
    """Return a command's words from the name of ours on; none where it is not one of ours."""
    words = shlex.split(command.replace("python -m harness.", "gansweep "))
    return words[words.index("gansweep") + 1 :] if "gansweep" in words else []


def as_module(words: list[str]) -> list[str]:
    """Return a command with `python -m harness.NAME` for `gansweep NAME`."""
    ours = our_words(shlex.join(words))
    return ["python", "-m", f"harness.{ours[0]}", *ours[1:]] if ours else words


@functools.cache
def parameters(name: str) -> dict[str, set[str]]:
    """Return the options of a command, or of each of its subcommands, by their names."""
    command = generated.command_of(name)
    every: dict[str, Any] = getattr(command, "commands", {"": command})
    return {
        sub: {name for each in one.params for name in (*each.opts, *each.secondary_opts)}
        | {"--help"}
        for sub, one in every.items()
    }


@every_document
def test_every_command_and_option_exists(name: str):
    for command in commands_of(DOCUMENTS[name]):
        words = our_words(command)
        if not words or not words[0].islower():  # `gansweep NAME` stands for any
            continue
        assert words[0] in generated.COMMANDS, command
        known = parameters(words[0])
        options = {word.partition("=")[0] for word in words if OPTION.match(word)}
        of_it = known[""] if "" in known else known.get(words[1] if words[1:] else "", {"--help"})
        assert options <= of_it, command


@every_document
def test_every_option_in_prose_exists(name: str):
    known = set().union(*(each for one in generated.COMMANDS for each in parameters(one).values()))
    prose = re.sub(r"^```.*?^```", "", DOCUMENTS[name], flags=re.DOTALL | re.MULTILINE)
    named = {option for code in re.findall(r"`([^`]+)`", prose) for option in OPTION.findall(code)}
    assert named <= known | OF_OTHERS


@every_document
def test_every_make_target_exists(name: str):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = DOCUMENTS[name]
    named = {line.split()[1] for line in commands_of(text) if line.startswith("make ")}
    named |= set(re.findall(r"`make ([a-z]+)", text))
    assert named <= known
    if name == "README.md":
        assert {"sweep", "test", "docs"} <= named


@every_document
def test_every_link_leads_somewhere(name: str):
    text = re.sub(r"^```.*?^```", "", DOCUMENTS[name], flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            page = generated.expand(target.read_text(encoding="utf-8"))
            heads = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]
            assert anchor in slugs, link


@every_document
def test_every_script_is_bash(name: str):
    for script in blocks(DOCUMENTS[name], "sh"):
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_every_page_can_be_reached():
    toctrees = re.findall(r"```\{toctree\}\n(.*?)```", DOCUMENTS["docs/index.md"], re.DOTALL)
    listed = {f"docs/{line}.md" for toctree in toctrees for line in toctree.split()}
    assert set(DOCUMENTS) - listed == {"README.md", "docs/index.md"}


def test_the_readme_is_short():
    assert len(DOCUMENTS["README.md"].splitlines()) <= 150


def test_all_that_ships_is_named():
    spaces, presets = "docs/guides/search-space.md", "docs/guides/train-and-presets.md"
    assert [name for name in space_names() if f"`{name}`" not in DOCUMENTS[spaces]] == []
    assert [name for name in PRESETS if f"`{name}`" not in DOCUMENTS[presets]] == []


def test_every_command_is_on_the_reference_page_with_every_option():
    files = [*(ROOT / "harness").glob("*.py"), ROOT / "harness/cli/wandb_workspace.py"]
    modules = {path.stem for path in files if "\napp = new_app()\n" in path.read_text()}
    modules = {"fetch-data" if name == "fetch" else name.replace("_", "-") for name in modules}
    assert set(generated.COMMANDS) == modules
    sections = re.split(r"^#+ `gansweep (.*)`$", generated.commands(), flags=re.MULTILINE)[1:]
    texts = dict(zip(sections[::2], sections[1::2], strict=True))
    for name in generated.COMMANDS:
        for sub, options in parameters(name).items():
            cells = re.findall(r"^\| (.*?) \| ", texts[f"{name} {sub}".strip()], re.MULTILINE)
            listed = {option for cell in cells for option in OPTION.findall(cell)}
            assert listed | {"--help"} == {each for each in options if each.startswith("-")}


def flat(config: dict[str, Any], prefix: str = "") -> set[str]:
    names = set()
    for key, value in config.items():
        names |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
    return names


def test_every_field_is_on_the_reference_page_and_explained():
    rows = re.findall(r"^\| `([a-z_0-9.]+)` \| (.+?) \| (.+?) \| (.*) \|$",
                      generated.configuration(), re.MULTILINE)  # fmt: skip
    assert {name for name, *_ in rows} == flat(GANConfig().model_dump())
    assert [name for name, *cells in rows if not all(cells)] == []


def test_every_setting_of_a_search_space_is_explained():
    page = generated.search_space()
    assert "| `budget.rungs_kimg` |" in page
    assert re.findall(r"^.*\|  \|$", page, re.MULTILINE) == []


def test_the_environment_variables_are_those_of_the_code():
    code = "\n".join(path.read_text() for path in (ROOT / "harness").rglob("*.py"))
    used = set(re.findall(r"HARNESS_[A-Z]+(?:_[A-Z]+)*", code))
    page = DOCUMENTS["docs/reference/environment-variables.md"]
    assert set(re.findall(r"^\| `(HARNESS_\w+)`", page, re.MULTILINE)) == used


def test_the_files_of_a_study_are_those_on_the_page(swept: SweptStudy):
    page = DOCUMENTS["docs/reference/files-of-a-study.md"]
    for path in swept.folder.rglob("*"):
        inside = path.relative_to(swept.folder).parts
        if inside[0] == "wandb" or path.is_dir():
            continue
        where = {"trials": 2, "grids": 1, "samples": 1}
        kept = [part for part in inside if part in where] or [inside[0]]
        named = kept[-1] if kept[-1] in ("grids", "samples") else path.name
        assert named in page, path


@pytest.mark.parametrize("name", ["README.md", "docs/guides/search-space.md"])
def test_the_search_spaces_load(name: str, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(block(name, "yaml", "name: mine"))
    assert SearchSpace.load(str(path)).name == "mine"


def test_the_function_of_ones_own_keeps_the_contract(tmp_path: Path):
    page = "docs/guides/own-networks-and-losses.md"
    (tmp_path / "my_file.py").write_text(block(page, "python", "def build"))
    path = tmp_path / "own.yaml"
    others = "name: own\ndataset: fashion_mnist\nbudget: {rungs_kimg: [1]}\n"
    path.write_text(others + block(page, "yaml", "my_file.py:build"))
    functions = SearchSpace.load(str(path)).user_functions()
    register_user_functions(functions, (28, 28, 1), 10)
    ((_, name, config),) = functions.uses()
    assert build_generator(config, (28, 28, 1), 10).output.shape == (None, 28, 28, 1)
    assert name.startswith("my_file.py:build@")


def test_the_study_in_ten_lines_is_the_same_on_both_pages():
    page = block("docs/reference/python-api.md", "python", "run_study")
    assert block("README.md", "python", "run_study") == page
    assert len(page.splitlines()) <= 10


@pytest.mark.slow
def test_the_study_in_ten_lines_runs(tmp_path: Path, commands: Commands):
    script = tmp_path / "study.py"
    script.write_text(block("README.md", "python", "run_study"))
    result = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=commands.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "studies/smoke/export/generator.keras").is_file()
    assert "studies/smoke/export" in result.stdout


@pytest.mark.slow
def test_measuring_without_a_study_runs(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    script = block("docs/reference/python-api.md", "python", "evaluator.measure")
    exec(compile(script, "python-api", "exec"), {})  # noqa: S102 - it is the page that is tested
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed][:2] == [
        "fid_panel@1000",
        "fid_fashion_cnn@1000",
        "fid_infinity_fashion_cnn@1000",
    ]


@pytest.mark.slow
def test_the_first_steps_run_one_after_the_other(commands: Commands, tmp_path: Path):
    given = commands_of(DOCUMENTS["docs/getting-started.md"])
    ours = [words for words in map(our_words, given) if words and words[0] in generated.COMMANDS]
    assert [words[0] for words in ours[:6]] == [
        "sweep", "studies", "report", "export", "evaluate", "doctor",
    ]  # fmt: skip
    for words in ours[:6]:
        done = commands.run(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "reports/smoke/index.html").is_file()


@pytest.mark.slow
def test_the_command_for_one_machine_runs(commands: Commands, tmp_path: Path):
    (script,) = blocks(DOCUMENTS["docs/scale/one-machine.md"], "sh")
    ((command, _),) = lines_of(script)
    name, *options = our_words(command)
    done = commands.run(name, *options, *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(read_entries(tmp_path / "studies" / "smoke")) == 3


RAY, KUBERNETES = "docs/scale/ray.md", "docs/scale/kubernetes.md"


def test_the_options_of_ray_are_those_of_sweep_and_confirm():
    cells = re.findall(r"^\| (`--[^|]+(?:\\\|[^|]+)*) \|", DOCUMENTS[RAY], re.MULTILINE)
    named = {option for cell in cells for option in OPTION.findall(cell)}
    assert {"--engine", "--address", "--files"} <= named
    assert named <= parameters("sweep")[""] & parameters("confirm")[""]


def test_the_manifest_names_the_locked_version_of_ray():
    manifest = yaml.safe_load(block(KUBERNETES, "yaml", "RayCluster"))
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayCluster")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.search(r"^ray\[client\]==([\d.]+)", lock, re.MULTILINE)
    assert locked is not None
    images = re.findall(r"rayproject/ray:([\d.]+)-py\d+", DOCUMENTS[KUBERNETES])
    assert {manifest["spec"]["rayVersion"], *images} == {locked[1]}


def test_the_manifest_has_a_head_that_trains_nothing_and_workers_that_grow():
    spec = yaml.safe_load(block(KUBERNETES, "yaml", "RayCluster"))["spec"]
    head, (workers,) = spec["headGroupSpec"], spec["workerGroupSpecs"]
    assert head["rayStartParams"] == {"num-cpus": "0"}  # KubeRay takes text alone
    assert spec["enableInTreeAutoscaling"] is True
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]
    for group in (head, workers):
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["memory"]
        assert container["image"]
    (mount,) = head["template"]["spec"]["containers"][0]["volumeMounts"]
    (volume,) = head["template"]["spec"]["volumes"]
    assert mount["name"] == volume["name"]
    (script,) = blocks(DOCUMENTS[KUBERNETES], "sh")
    assert f"--studies-dir {mount['mountPath']}" in script


@pytest.fixture(scope="module")
def hosts(commands: Commands) -> Iterator[Hosts]:
    """Return two hosts that have the addresses the page speaks of."""
    pytest.importorskip("ray", reason="Ray is not installed")
    if why_none():
        pytest.skip(why_none())
    with running_hosts(2, commands) as running:
        yield running


@pytest.mark.slow
def test_the_commands_for_ray_on_a_few_nodes_run(hosts: Hosts):
    (script,) = blocks(DOCUMENTS[RAY], "sh")
    where = {
        "on the first node": [hosts[0]],
        "on every other node": [hosts[1]],
        "on every node, at the end": [hosts[1], hosts[0]],
    }
    seen = []
    for command, comment in lines_of(script):
        sweeps = command.startswith("gansweep sweep ")
        for host in where[comment]:
            host.run(*as_module(command.split()), *(SMALL if sweeps else ()))
        seen.append(command.split()[:2])
        if sweeps:
            entries = read_entries(hosts[0].folder / "studies" / "smoke")
            assert len(entries) == 3
            assert all(entry.outcome.final is not None for entry in entries)
            assert not (hosts[1].folder / "studies").exists()
            assert list(hosts[1].folder.glob("harness-worker-*")) == []
    assert seen == [["ray", "start"], ["ray", "start"], ["gansweep", "sweep"], ["ray", "stop"]]
    for host in hosts:
        left = [line for line in host.commands() if re.search("raylet|gcs_server|ray::", line)]
        assert left == []


@pytest.mark.slow
def test_a_cluster_with_a_token_takes_in_only_who_knows_it(hosts: Hosts):
    first, other = hosts

    def sweep(host: Host, study: str, *address: str, token: str | None = None) -> str:
        """Run a sweep; return its last words where it is refused."""
        asks = ["env", "RAY_AUTH_MODE=token", f"RAY_AUTH_TOKEN={token}"] if token else []
        command = ("python", "-m", "harness.sweep", "--engine", "ray", "--study", study)
        process = host.start(*asks, *command, *address, *SMALL)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
        if process.returncode == 2:
            return err
        assert process.returncode == 0, err
        assert len(read_entries(host.folder / "studies" / study)) == 3
        return ""

    # A token in a user's home is enough for `ray start` to ask for it.
    known, guessed = secrets.token_hex(32), secrets.token_hex(32)
    (first.folder / ".ray").mkdir()
    (first.folder / ".ray" / "auth_token").write_text(known)
    first.run(
        *("ray", "start", "--head", "--node-ip-address=10.0.0.1", "--port=6379"),
        "--include-dashboard=false",
    )
    there = ("--address", "10.0.0.1:6379")
    for token in (guessed, None):
        err = sweep(other, "guessed", *there, token=token)
        assert len(err.splitlines()) == 1
        assert "cannot take part in the cluster" in err
        assert "token" in err
        assert not (other.folder / "studies").exists()
    assert not sweep(first, "known", *there, token=known)
    assert not sweep(first, "auto")
    assert not sweep(other, "outside", "--address", "ray://10.0.0.1:10001", token=known)
    first.run("ray", "stop")
