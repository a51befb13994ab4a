"""A stand-in for the parts of SLURM that `docs/scale/slurm.sh` calls, on hosts of this machine.

It knows what the script does and no more: the options of `srun` are checked, not obeyed.
"""

import contextlib
import json
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.commands import TIMEOUT_SECONDS
from tests.support.hosts import Hosts

SCRIPT = Path(__file__).parents[2] / "docs" / "scale" / "slurm.sh"
JOB = "4711"

# Leaves a request, and ends when it is answered; SIGTERM ends what was started.
SRUN = """#!/usr/bin/env python
import json, os, pathlib, signal, sys, time

request = pathlib.Path(__file__).with_name(f"{os.getpid()}.request")
signal.signal(signal.SIGTERM, lambda *_: request.with_suffix(".stop").touch())
passed = {"arguments": sys.argv[1:], "environment": dict(os.environ)}
request.with_suffix(".new").write_text(json.dumps(passed))
request.with_suffix(".new").rename(request)
while not request.with_suffix(".done").exists():
    time.sleep(0.1)
sys.exit(int(request.with_suffix(".done").read_text()))
"""
SCONTROL = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/scontrol.txt"
"""


class Allocation:
    """Hosts as the nodes of a job's allocation; the first runs the batch script.

    Args:
        hosts: The nodes.
        folder: Where the stand-ins lie, seen by all hosts and empty.
    """

    def __init__(self, hosts: Hosts, folder: Path) -> None:
        self._hosts = hosts
        self._folder = folder
        self._closed = threading.Event()
        for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(stat.S_IRWXU)
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def submit(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the batch script on the first node, as SLURM does."""
        first = self._hosts[0]
        variables = {
            "SLURM_JOB_ID": JOB,
            "SLURM_JOB_NUM_NODES": len(self._hosts),
            "SLURM_CPUS_ON_NODE": 1,
            "SLURMD_NODENAME": "node1",
            "RAY_START_OPTIONS": "--object-store-memory=200000000",
        }
        given = [f"{name}={value}" for name, value in variables.items()]
        path = f"PATH={self._folder}{os.pathsep}{first.path}"
        return first.start("env", path, *given, "bash", str(SCRIPT), *arguments)

    def signal(self, name: str) -> None:
        """Send a signal to the batch script alone, as `--signal=B:` has it."""
        self._hosts[0].run("kill", f"-{name}", *self._hosts[0].processes(rf"^bash {SCRIPT}"))

    @property
    def requeued(self) -> list[str]:
        """Return what `scontrol` was called with."""
        log = self._folder / "scontrol.txt"
        return log.read_text().splitlines() if log.exists() else []

    def close(self) -> None:
        """End the stand-ins; the hosts stay."""
        self._closed.set()
        self._thread.join()

    def _answer(self) -> None:
        while not self._closed.wait(0.2):
            for request in self._folder.glob("*.request"):
                self._run(request)

    def _run(self, request: Path) -> None:
        passed = json.loads(request.read_text())
        options = [argument for argument in passed["arguments"] if argument.startswith("--")]
        command = passed["arguments"][passed["arguments"].index("ray") :]
        others = self._hosts[1:]
        assert {f"--nodes={len(others)}", "--exclude=node1"} <= set(options)
        ray = [f"{n}={v}" for n, v in passed["environment"].items() if n.startswith("RAY_")]
        tasks = [host.start("env", *ray, *command) for host in others]
        while not request.with_suffix(".stop").exists() and not self._closed.is_set():
            if all(task.poll() is not None for task in tasks):
                break
            self._closed.wait(0.2)
        for host, task in zip(others, tasks, strict=True):
            if task.poll() is None:
                host.run("kill", "-TERM", *host.processes("ray start "))
            task.communicate(timeout=TIMEOUT_SECONDS)
        request.with_suffix(".done").write_text("143")
        request.unlink()


@contextlib.contextmanager
def allocation(hosts: Hosts, folder: Path) -> Iterator[Allocation]:
    """Give an allocation of all hosts, for a while."""
    made = Allocation(hosts, folder)
    try:
        yield made
    finally:
        made.close()
