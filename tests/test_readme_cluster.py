"""Follow the README's section on more machines: its commands, its script and its manifest."""

import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.study.leaderboard import read_entries
from tests.support.commands import TIMEOUT_SECONDS, Commands
from tests.support.hosts import Host, Hosts, running_hosts, why_none

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## More machines\n")[1].split("\n## ")[0]
LOCKED_RAY = re.search(
    r"^ray==([\d.]+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
)
# What is added to the README's command so that it ends within a minute.
SMALL = ("--search-space", "smoke", "--trials", "3", "--workers", "2", "--tracker", "jsonl")


def blocks(heading: str, kind: str) -> list[str]:
    """Return what the blocks of a kind below a heading hold."""
    text = SECTION.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def commands_of(block: str) -> list[tuple[str, str]]:
    """Return each command and what the comment behind it says of where to give it."""
    lines = block.replace("\\\n", " ").splitlines()
    parts = [line.partition(" #") for line in lines if not line.startswith("#")]
    return [(command.strip(), where.strip()) for command, _, where in parts if command.strip()]


def all_commands() -> list[str]:
    every = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    return [command for block in every for command, _ in commands_of(block)]


@pytest.mark.parametrize("name", ["sweep", "doctor"])
def test_every_option_of_a_command_exists(name: str, commands: Commands, tmp_path: Path):
    known = set(re.findall(r"--[a-z-]+", commands.run(name, "--help", cwd=tmp_path).stdout))
    texts = [line.split(f"-m harness.{name}")[1] for line in all_commands() if f".{name}" in line]
    assert texts
    if name == "sweep":
        texts += re.findall(r"^\| (`--[^|]+) \|", SECTION, re.MULTILINE)
    for text in texts:
        assert set(re.findall(r"--[a-z-]+", text)) <= known, text


def test_the_options_of_the_table_are_those_of_confirm_too(commands: Commands, tmp_path: Path):
    known = commands.run("confirm", "--help", cwd=tmp_path).stdout
    for name in ("--engine", "--address", "--cpus-per-worker", "--gpus-per-worker", "--files"):
        assert name in known


@pytest.mark.slow
def test_the_command_for_one_machine_runs(commands: Commands, tmp_path: Path):
    (block,) = blocks("One machine", "sh")
    ((command, _),) = commands_of(block)
    python, module, name, *options = command.split()
    assert [python, module, name] == ["python", "-m", "harness.sweep"]
    done = commands.run("sweep", *options, *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(read_entries(tmp_path / "studies" / "smoke")) == 3


def test_every_block_of_commands_is_bash(tmp_path: Path):
    for number, block in enumerate(re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)):
        file = tmp_path / f"{number}.sh"
        file.write_text(block)
        subprocess.run(["bash", "-n", str(file)], check=True)


def test_the_manifest_names_the_locked_version_of_ray():
    (text,) = blocks("Ray on Kubernetes", "yaml")
    manifest = yaml.safe_load(text)
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayCluster")
    assert LOCKED_RAY is not None
    assert manifest["spec"]["rayVersion"] == LOCKED_RAY[1]
    images = re.findall(r"rayproject/ray:([\d.]+)-py(\d+)", SECTION)
    assert {version for version, _ in images} == {LOCKED_RAY[1]}


def test_the_manifest_has_a_head_that_trains_nothing_and_workers_that_grow():
    (text,) = blocks("Ray on Kubernetes", "yaml")
    spec = yaml.safe_load(text)["spec"]
    head, (workers,) = spec["headGroupSpec"], spec["workerGroupSpecs"]
    assert head["rayStartParams"] == {"num-cpus": "0"}  # KubeRay takes text alone
    assert spec["enableInTreeAutoscaling"] is True
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]
    for group in (head, workers):
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["memory"]
        assert container["image"]
    pod = head["template"]["spec"]
    (mount,), (volume,) = pod["containers"][0]["volumeMounts"], pod["volumes"]
    assert mount["name"] == volume["name"]
    assert f"volume claim `{volume['persistentVolumeClaim']['claimName']}`" in SECTION
    assert f"--studies-dir {mount['mountPath']}\n" in SECTION


@pytest.fixture(scope="module")
def hosts(commands: Commands) -> Iterator[Hosts]:
    """Return two hosts that have the addresses the README speaks of."""
    if why_none():
        pytest.skip(why_none())
    with running_hosts(2, commands) as running:
        yield running


@pytest.mark.slow
def test_the_commands_for_ray_on_a_few_nodes_run(hosts: Hosts):
    (block,) = blocks("Ray on a few nodes", "sh")
    where = {
        "on the first node": [hosts[0]],
        "on every other node": [hosts[1]],
        "on every node, at the end": [hosts[1], hosts[0]],
    }
    seen = []
    for command, comment in commands_of(block):
        more = SMALL if "harness.sweep" in command else ()
        for host in where[comment]:
            host.run(*command.split(), *more)
        seen.append(command.split()[:2])
        if "harness.sweep" in command:
            entries = read_entries(hosts[0].folder / "studies" / "smoke")
            assert len(entries) == 3
            assert all(entry.outcome.final is not None for entry in entries)
            assert not (hosts[1].folder / "studies").exists()
            assert list(hosts[1].folder.glob("harness-worker-*")) == []
    assert seen == [["ray", "start"], ["ray", "start"], ["python", "-m"], ["ray", "stop"]]
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
