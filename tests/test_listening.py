"""See on which addresses commands listen: on loopback alone, unless asked for more."""

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SweptStudy
from tests.exporting.explorable import make_explorable
from tests.support.commands import Commands, interrupt, wait_until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="sockets are looked up in Linux's /proc"
)

_LISTENS = "0A"  # the state of a socket in /proc/net/tcp


def family(process: int) -> set[int]:
    """Return a process and all that it started, and they in turn, if its parent still lives."""
    found = {process}
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        for child in thread.read_text().split():
            found |= family(int(child))
    return found


def sockets(process: int) -> Iterator[str]:
    """Yield the numbers of a process's sockets."""
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # closed meanwhile
            continue
        if target.startswith("socket:"):
            yield target.removeprefix("socket:[").removesuffix("]")


def listening(processes: set[int]) -> set[str]:
    """Return the addresses on which any of these processes accepts connections over a network."""
    own = {number for process in processes for number in sockets(process)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, number = line.split()[:10]
            if state == _LISTENS and number in own:
                found.add(readable(local.split(":")[0]))
    return found


def readable(address: str) -> str:
    """Return an address of /proc/net/tcp, words of four bytes in the machine's order, as usual."""
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    kind = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(kind, struct.pack(f"={len(words)}I", *words))


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches an address."""
    parsed = ipaddress.ip_address(address)
    inner = getattr(parsed, "ipv4_mapped", None)
    return (inner or parsed).is_loopback


@pytest.mark.parametrize(
    ("host", "kind", "expected"),
    [
        ("127.0.0.1", socket.AF_INET, {"127.0.0.1"}),
        ("", socket.AF_INET, {"0.0.0.0"}),
        ("::1", socket.AF_INET6, {"::1"}),
    ],
)
def test_what_listens_is_found(host: str, kind: int, expected: set[str]):
    with socket.socket(kind) as server:
        server.bind((host, 0))
        server.listen()
        assert listening({os.getpid()}) >= expected
    assert [is_loopback(address) for address in expected] == [host != ""]


@pytest.mark.parametrize("name", ["dashboard", "explore"])
def test_pages_are_for_this_machine_alone(name: str, commands: Commands, swept: SweptStudy):
    if name == "dashboard":
        what = ["--study", "endings", "--port", "0"]
    else:
        what = [str(make_explorable(swept.cwd / "bundle"))]
    process = commands.start(name, *what, "--no-browser", cwd=swept.cwd)
    assert "http://127.0.0.1:" in process.stdout.readline()
    found = listening(family(process.pid))
    interrupt(process)
    assert found == {"127.0.0.1"}


@pytest.mark.slow
def test_a_sweep_on_this_machine_does_not_listen(commands: Commands, tmp_path: Path):
    found = while_it_trains(commands, tmp_path)
    assert found == set()


@pytest.mark.slow
def test_a_cluster_that_the_harness_starts_is_for_this_machine_alone(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for variable in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(variable)
    # Where Ray notes which clusters there are; 107 characters are the longest path of a socket.
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path.parent.parent))
    found = while_it_trains(commands, tmp_path, "--engine", "ray")
    assert found
    assert all(is_loopback(address) for address in found), found


def while_it_trains(commands: Commands, cwd: Path, *more: str) -> set[str]:
    """Return on which addresses a sweep and all it started listen while a trial trains."""
    command = ("--search-space", "smoke", "--trials", 1, "--workers", 1, "--tracker", "jsonl")
    process = commands.start("sweep", *command, *more, cwd=cwd)
    history = cwd / "studies/smoke/trials/0000/history.jsonl"
    wait_until(lambda: history.exists() and history.stat().st_size, process)
    found = listening(family(process.pid))
    _, err = interrupt(process)
    assert process.returncode in (0, 130), err
    return found
