"""Run the commands as a user does: real processes, no terminal, a home folder without accounts."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TIMEOUT_SECONDS = 300


PLANTED = {
    "AWS_SECRET_ACCESS_KEY": "planted-0e8a",
    "DATABASE_URL": "mysql://joe:planted-1f9b@db.example.org/x",
    "MY_SETTING": "planted-2a7c",
    "USER": "plantedname",
}
"""What no command may write down or print, wherever it is found: most of it by `planted`."""


@dataclasses.dataclass(frozen=True)
class Commands:
    """Start `python -m harness.NAME`.

    Args:
        home: An empty home folder; reference statistics are cached in it for all tests.
    """

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("WANDB", "HARNESS", "TF_CPP")) and key != "NETRC"
        }
        if "HARNESS_DATA_DIR" in os.environ:
            kept["HARNESS_DATA_DIR"] = os.environ["HARNESS_DATA_DIR"]
        return kept | {"HOME": str(self.home), "COLUMNS": "100"} | PLANTED

    def run(self, name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with nothing to read from."""
        return subprocess.run(
            [sys.executable, "-m", f"harness.{name}", *map(str, arguments)],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def start(self, name: str, *arguments: object, cwd: Path) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a shell does."""
        return subprocess.Popen(
            [sys.executable, "-m", f"harness.{name}", *map(str, arguments)],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    """Send Ctrl-C to the whole group, as a terminal does; return what the command printed."""
    os.killpg(process.pid, number)
    return process.communicate(timeout=TIMEOUT_SECONDS)


def workers_of(runner: int) -> list[int]:
    """Return the process ids of a sweep's workers; found through /proc."""
    children = Path(f"/proc/{runner}/task/{runner}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"spawn_main" in command]


def wait_until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something that a running command does; fail if it ends before."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"it never happened; exit code {process.returncode}\n{out}{err}")
        time.sleep(0.05)


def the_one_message(result: subprocess.CompletedProcess[str]) -> str:
    """Return the message of a command that refused, having checked that it is the only one."""
    assert result.returncode == 2, f"{result.returncode}\n{result.stdout}{result.stderr}"
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("error: "), result.stderr
    assert result.stderr.count("error: ") == 1
    return result.stderr.removeprefix("error: ").strip()
