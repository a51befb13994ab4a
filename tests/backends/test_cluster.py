"""Read a command's options about clusters, and refuse what makes no sense before Ray is loaded."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backends.cluster import Cluster
from harness.backends.factory import find_devices, find_room
from harness.cli.options import WorkerFlags
from harness.core.errors import ConfigError, MissingExtraError
from tests.support.commands import (
    TIMEOUT_SECONDS,
    Commands,
    interrupt,
    the_one_message,
    wait_until,
)
from tests.support.endings import write_endings


def test_options_become_a_cluster():
    assert WorkerFlags().settings()["cluster"] is None
    assert WorkerFlags(engine="ray").settings()["cluster"] == Cluster("auto", 1.0, 0.0, "auto")
    cluster = WorkerFlags(
        engine="ray", address="h:1", cpus_per_worker=2.0, gpus_per_worker=0.25, files="travel"
    ).settings()["cluster"]
    assert cluster == Cluster("h:1", 2.0, 0.25, "travel")
    assert cluster.threads == 2
    assert cluster.demand == "2 CPUs and 0.25 GPU"
    half = Cluster(cpus_per_worker=0.5)
    assert half.threads == 1
    assert half.demand == "0.5 CPU"


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        ("local", {"address": "auto", "files": "auto"}, "--address, --files: only for a cluster."),
        ("local", {"cpus_per_worker": 1.0}, "--cpus-per-worker: only for a cluster."),
        ("ray", {"cpus_per_worker": 1.5}, "--cpus-per-worker: .* received 1.5"),
        ("ray", {"cpus_per_worker": 0.0}, "--cpus-per-worker: .* received 0"),
        ("ray", {"gpus_per_worker": -1.0}, "--gpus-per-worker: .* received -1"),
        ("ray", {"files": "carried"}, "files: expected one of auto, shared, travel; received"),
    ],
)
def test_options_that_make_no_sense_are_refused(engine, options, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        WorkerFlags(engine=engine, **options).settings()


def test_this_machine_is_divided_as_ever():
    assert find_devices("3", None).workers == 3
    with pytest.raises(ConfigError, match="--workers: expected a number from 1, or auto"):
        find_devices("0", Cluster())


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    with pytest.raises(MissingExtraError, match=r"pip install 'gan-sweep-harness\[ray\]'"):
        find_devices("1", Cluster())


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
            find_room(Cluster(address))
    began = time.monotonic()
    with pytest.raises(ConfigError, match="nobody answers there"):
        find_room(Cluster("ray://127.0.0.1:1"))
    assert time.monotonic() - began < 6


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n"])
def test_what_listens_without_being_ray_is_refused_within_a_minute(scheme: str, answer: bytes):
    began = time.monotonic()
    with listener(answer) as port, pytest.raises(ConfigError, match="Ray's ports are 6379 and"):
        find_room(Cluster(f"{scheme}127.0.0.1:{port}"))
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_a_signal_ends_the_wait_for_an_answer(commands: Commands, tmp_path: Path):
    options = (*write_endings(tmp_path), "--engine", "ray", "--tracker", "none")
    with listener(b"") as port:
        process = commands.start("sweep", *options, "--address", f"127.0.0.1:{port}", cwd=tmp_path)
        wait_until(lambda: is_connected(port), process)
        began = time.monotonic()
        interrupt(process, signal.SIGTERM)
    assert time.monotonic() - began < 40  # when Ray has given up
    assert process.returncode != 0


def is_connected(port: int) -> bool:
    """Return whether anybody on this machine has a connection to a port."""
    tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return any(f":{port:04X} 01 " in table for table in tables)


@contextlib.contextmanager
def listener(answer: bytes) -> Iterator[int]:
    """Listen for a while and send something to whoever connects, or nothing; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connections = []
            with contextlib.suppress(OSError):
                while True:
                    connections.append(server.accept()[0])
                    if answer:
                        connections[-1].sendall(answer)
            for connection in connections:
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def alone(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which Ray looks for no cluster, and a home without a token."""
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("RAY_", "TF_CPP"))
    }
    # 107 characters are the longest path of a socket.
    own = {"RAY_ADDRESS": "local", "RAY_TMPDIR": str(tmp_path.parent.parent)}
    return kept | own | {"HOME": str(tmp_path)}


def on_its_own(tmp_path: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python where Ray finds no cluster."""
    names = "from harness.backends.cluster import Cluster\n"
    names += "from harness.backends.factory import find_room\n"
    names += "from harness.backends.ray.connection import connect\n"
    return subprocess.run(
        [sys.executable, "-c", names + line],
        env=alone(tmp_path),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.slow
def test_a_cluster_of_its_own_has_room_for_as_many_as_asked(tmp_path: Path):
    line = "c = Cluster(cpus_per_worker=0.5); connect(c, workers=999); print(find_room(c))"
    done = on_its_own(tmp_path, line)
    assert done.stdout.split() == ["1000"], done.stderr  # 499.5 cores, rounded up
    assert "started one of its own" in done.stderr


@pytest.mark.parametrize("share", ["cpus_per_worker=4096.0", "gpus_per_worker=512.0"])
def test_a_cluster_of_its_own_is_not_asked_for_what_it_will_never_have(tmp_path: Path, share: str):
    done = on_its_own(tmp_path, f"find_room(Cluster({share}))")
    assert "ConfigError: --" in done.stderr
    assert "since this machine belongs to no Ray cluster and has" in done.stderr
    assert not (tmp_path / ".ray").exists()


def sweep_alone(
    commands: Commands, tmp_path: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.sweep", *write_endings(tmp_path), "--engine", "ray"]
    return subprocess.run(
        [*command, *options],
        cwd=tmp_path,
        env=commands.environment | alone(tmp_path),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.parametrize(("option", "value"), [("--study", "a/b"), ("--tracker", "nobody")])
def test_bad_options_are_refused_before_a_cluster_is_started(
    commands: Commands, tmp_path: Path, option: str, value: str
):
    done = sweep_alone(commands, tmp_path, option, value)
    assert option in the_one_message(done) or value in done.stderr
    assert not (tmp_path / ".ray").exists()


@pytest.mark.slow
def test_a_dry_run_starts_no_cluster(commands: Commands, tmp_path: Path):
    done = sweep_alone(commands, tmp_path, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "nothing was written" in done.stdout
    assert done.stderr == ""
    assert not (tmp_path / ".ray").exists()


def test_helping_and_running_here_load_no_ray():
    modules = (
        "harness.sweep, harness.confirm, harness.runner.study_runner, "
        "harness.confirmation.confirmation_jobs"
    )
    script = f"import sys, {modules}; print([m for m in sys.modules if m.split('.')[0] == 'ray'])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
