"""Let Ray's own autoscaler add nodes for workers that ask for half a GPU each."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.study.leaderboard import read_entries
from tests.support.commands import TIMEOUT_SECONDS

RAY = Path(sys.executable).with_name("ray")
NODE_BYTES = 150 * 2**20
LISTS = (
    "cluster_synced_files file_mounts_sync_continuously head_setup_commands "
    "head_start_ray_commands initialization_commands rsync_exclude rsync_filter setup_commands "
    "worker_setup_commands worker_start_ray_commands"
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def describe_cluster(port: int) -> dict[str, object]:
    """Return a cluster that begins with a head and may grow by two nodes of this machine."""
    actor = {"CPU": 1, "GPU": 1, "object_store_memory": NODE_BYTES}
    return {
        **{name: [] for name in LISTS.split()},
        "file_mounts_sync_continuously": False,
        "cluster_name": "growing",
        "max_workers": 2,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "fake_multinode",  # its nodes are real ones, on the same machine
            "gcs_address": f"127.0.0.1:{port}",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {"ssh_user": "nobody"},
        "docker": {},
        "file_mounts": {},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": actor, "node_config": {}, "min_workers": 0, "max_workers": 2},
        },
    }


@pytest.fixture
def environment() -> dict[str, str]:
    """Return an environment that keeps Ray on 127.0.0.1 and lets it pretend to have machines."""
    return os.environ | {
        "PATH": f"{RAY.parent}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "disabled",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    }


@pytest.fixture
def address(tmp_path: Path, environment: dict[str, str]) -> Iterator[str]:
    """Return the address of a cluster that has no GPU yet."""
    port = free_port()
    file = tmp_path / "cluster.json"
    file.write_text(json.dumps(describe_cluster(port)))
    head = ["start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=1"]
    more = [f"--autoscaling-config={file}", f"--object-store-memory={NODE_BYTES}"]
    ports = [f"--ray-client-server-port={free_port()}", "--include-dashboard=false"]
    try:
        subprocess.run([RAY, *head, *more, *ports], env=environment, check=True)
        yield f"127.0.0.1:{port}"
    finally:
        kill_all_of(port)  # `ray stop` would end the clusters of others, too


def kill_all_of(port: int) -> None:
    """Kill what names a cluster's port on its command line, as each process of Ray does."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_text()
            if f"127.0.0.1:{port}" in line or f"_port={port}" in line:
                os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.slow
def test_workers_wait_for_the_nodes_that_they_make_a_cluster_add(
    address: str, environment: dict[str, str], tmp_path: Path
):
    study = ["--search-space", "smoke", "--study", "grown", "--trials", "5", "--workers", "4"]
    place = ["--engine", "ray", "--address", address]
    each = ["--cpus-per-worker", "0.5", "--gpus-per-worker", "0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "harness.sweep", *study, *place, *each],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "of its 1 the largest has 1 CPUs, and one has 0 GPUs" in done.stderr
    entries = read_entries(tmp_path / "studies" / "grown")
    assert len(entries) == 5
    assert entries[0].outcome.final is not None
    status = subprocess.run(
        [RAY, "status", f"--address={address}"], env=environment, capture_output=True, text=True
    )
    assert "2 worker" in status.stdout
