"""Read a command's options about clusters, and refuse what makes no sense before Ray is loaded."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import ConfigError, MissingExtraError
from harness.search.engines.cluster import Cluster, read_cluster
from harness.search.engines.opening import find_fleet
from tests.commands import Commands, the_one_message
from tests.endings import write_endings


def test_options_become_a_cluster():
    assert read_cluster("local") is None
    assert read_cluster("ray") == Cluster("auto", 1.0, 0.0, "auto")
    cluster = read_cluster(
        "ray", address="h:1", cpus_per_worker=2.0, gpus_per_worker=0.25, files="travel"
    )
    assert cluster == Cluster("h:1", 2.0, 0.25, "travel")
    assert cluster.threads == 2
    assert cluster.demand == "2 CPUs and 0.25 GPU"
    half = Cluster(cpus_per_worker=0.5)
    assert half.threads == 1
    assert half.demand == "0.5 CPU"


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        ("rai", {}, "--engine: expected local or ray; received 'rai'. Did you mean 'ray'?"),
        ("local", {"address": "auto", "files": "auto"}, "--address, --files: only for a cluster."),
        ("local", {"cpus_per_worker": 1.0}, "--cpus-per-worker: only for a cluster."),
        ("ray", {"cpus_per_worker": 1.5}, "--cpus-per-worker: .* received 1.5"),
        ("ray", {"cpus_per_worker": 0.0}, "--cpus-per-worker: .* received 0"),
        ("ray", {"gpus_per_worker": -1.0}, "--gpus-per-worker: .* received -1"),
        ("ray", {"files": "carried"}, "--files: expected auto, shared, travel; received"),
    ],
)
def test_options_that_make_no_sense_are_refused(engine, options, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        read_cluster(engine, **options)


def test_this_machine_is_divided_as_ever():
    assert find_fleet("3", None).workers == 3
    with pytest.raises(ConfigError, match="--workers: expected a number from 1, or auto"):
        find_fleet("0", Cluster())


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    with pytest.raises(MissingExtraError, match=r"pip install 'gan-sweep-harness\[ray\]'"):
        find_fleet("1", Cluster())


def test_where_nobody_answers_the_command_says_so_and_writes_nothing(
    commands: Commands, tmp_path: Path
):
    write_endings(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{free.getsockname()[1]}"
        result = commands.run(
            "sweep",
            *("--search-space", "./endings.yaml", "--engine", "ray", "--address", address),
            cwd=tmp_path,
        )
    assert f"--address {address}: nobody answers there" in the_one_message(result)
    assert not (tmp_path / "studies").exists()


def test_addresses_are_checked_before_ray_is_asked():
    for address in ("nonsense", "ray://host", "host:port", ":1"):
        with pytest.raises(ConfigError, match="expected auto, HOST:PORT or ray://HOST:PORT"):
            find_fleet("1", Cluster(address))
    began = time.monotonic()
    with pytest.raises(ConfigError, match="nobody answers there"):
        find_fleet("1", Cluster("ray://127.0.0.1:1"))
    assert time.monotonic() - began < 6


def test_helping_and_running_here_load_no_ray():
    modules = (
        "harness.sweep, harness.confirm, harness.search.brain, harness.confirmation.confirmer"
    )
    script = f"import sys, {modules}; print([m for m in sys.modules if m.split('.')[0] == 'ray'])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
