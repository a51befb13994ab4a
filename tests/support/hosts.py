"""Hosts on this machine: each with a network, processes and files of its own.

A host is a set of Linux namespaces. They end with the process that made them, however it ends, and
everything that runs in them ends with them; nothing of the machine's own network changes.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.commands import TIMEOUT_SECONDS, Commands

_TOOLS = ("ip", "unshare", "nsenter", "mount")
_APART = ("--net", "--pid", "--mount", "--ipc", "--uts")
# Its input ends with the tests. Whoever is left behind by its parents is not waited for.
_HOLD = 'mount -t tmpfs tmpfs "$1" && mount -t tmpfs tmpfs /dev/shm && trap "" CHLD && echo && cat'


def why_none() -> str:
    """Return why there can be no hosts here; an empty string if there can."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"hosts are made with {', '.join(missing)} (iproute2, util-linux)"
    if os.geteuid() != 0:
        return "only root makes hosts"
    attempt = ["unshare", *_APART, "--fork", "--mount-proc", "ip"]
    attempt += ["link", "add", "probe", "type", "bridge"]
    refused = subprocess.run(attempt, capture_output=True, text=True, check=False)
    return refused.stderr.strip() if refused.returncode else ""


class Host:
    """A host of its own, on which commands run.

    Args:
        number: From 1; the last part of its address.
        place: The folder in which commands run and that every host has for itself.
        environment: What commands see, beside what is set here.
    """

    def __init__(self, number: int, place: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.address = f"10.0.0.{number}"
        self._place = place
        own = {"HOME": str(place), "TMPDIR": str(place), "RAY_USAGE_STATS_ENABLED": "0"}
        self.path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: text for name, text in environment.items() if not name.startswith("RAY_")}
        self._environment = kept | own | {"PATH": self.path}
        hold = ["unshare", *_APART, "--fork", "--kill-child", "--mount-proc"]
        hold += ["sh", "-c", _HOLD, "sh", str(place)]
        self._holder = subprocess.Popen(
            hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "\n"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        (self._pid,) = map(int, children.read_text().split())

    @property
    def folder(self) -> Path:
        """Return that folder as this process reaches it."""
        return Path(f"/proc/{self._pid}/root{self._place}")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command."""
        inside = ["nsenter", "--target", str(self._pid), *_APART]
        return subprocess.Popen(
            [*inside, "env", "-C", str(self._place), *command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> str:
        """Run a command to its end, and return what it printed; fail if it does."""
        process = self.start(*command)
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0, f"{command}: {process.returncode}\n{out}{err}"
        return out

    def processes(self, pattern: str) -> list[str]:
        """Return the numbers, on this host, of processes whose command line has a pattern."""
        lines = self.run("ps", "-eww", "-o", "pid=,args=").splitlines()
        found = [line.split(maxsplit=1) for line in lines]
        return [number for number, command in found if re.search(pattern, command)]

    def network(self, *arguments: str) -> None:
        """Change the host's network with `ip`."""
        inside = ["nsenter", "--target", str(self._pid), "--net", "ip"]
        subprocess.run([*inside, *arguments], check=True, timeout=TIMEOUT_SECONDS)

    def join(self, switch: "Host") -> None:
        """Lay a cable to the host that has the switch."""
        cable = f"to{self.number}"
        end = ("type", "veth", "peer", "name", "eth0", "netns", str(self._pid))
        switch.network("link", "add", cable, *end)
        switch.network("link", "set", cable, "master", "switch", "up")
        self.network("addr", "add", f"{self.address}/24", "dev", "eth0")
        self.network("link", "set", "eth0", "up")
        self.network("link", "set", "lo", "up")

    def close(self) -> None:
        """End everything that runs here."""
        self._holder.kill()
        self._holder.communicate()


class Hosts(Sequence[Host]):
    """Hosts at 10.0.0.1, 10.0.0.2 and so on; the first has the switch that joins them.

    Args:
        count: How many.
        environment: What their commands see.
    """

    def __init__(self, count: int, environment: dict[str, str]) -> None:
        self._rest = contextlib.ExitStack()
        # A socket's path has 107 characters at most, of which Ray takes 70.
        place = Path(tempfile.mkdtemp(prefix="host"))
        self._rest.callback(shutil.rmtree, place, ignore_errors=True)
        self._hosts: list[Host] = []
        with self._rest:
            for number in range(1, count + 1):
                self._hosts.append(Host(number, place, environment))
                self._rest.callback(self._hosts[-1].close)
            first = self._hosts[0]
            first.network("link", "add", "switch", "type", "bridge")
            first.network("addr", "add", f"{first.address}/24", "dev", "switch")
            first.network("link", "set", "switch", "up")
            first.network("link", "set", "lo", "up")
            for host in self._hosts[1:]:
                host.join(first)
            self._rest = self._rest.pop_all()

    def __getitem__(self, index: int) -> Host:
        return self._hosts[index]

    def __len__(self) -> int:
        return len(self._hosts)

    def cut(self, host: Host) -> None:
        """Let nothing pass to or from a host other than the first."""
        self._hosts[0].network("link", "set", f"to{host.number}", "down")

    def mend(self, host: Host) -> None:
        """Let everything pass again."""
        self._hosts[0].network("link", "set", f"to{host.number}", "up")

    def close(self) -> None:
        """End all hosts."""
        self._rest.close()


@contextlib.contextmanager
def running_hosts(count: int, commands: Commands) -> Iterator[Hosts]:
    """Run hosts for a while."""
    hosts = Hosts(count, commands.environment)
    try:
        yield hosts
    finally:
        hosts.close()
