"""Run W&B's real client against a server of `wandb_server`, in processes of their own."""

import dataclasses
import subprocess
import sys
from pathlib import Path

from tests.support.commands import Commands
from tests.tracking.wandb_server.http_server import WandbServer


@dataclasses.dataclass(frozen=True)
class ServedCommands(Commands):
    """Start commands whose W&B is a server on loopback.

    Args:
        server: The server.
    """

    server: WandbServer

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self.server.environment


def environment(commands: Commands, server: WandbServer) -> dict[str, str]:
    return commands.environment | server.environment | {"PYTHONPATH": str(Path.cwd())}


def sync(commands: Commands, server: WandbServer, study: Path, *cut_off: str) -> str:
    """Upload what a study's folder keeps, the way the pages say; return what was said.

    Args:
        commands: Whose home folder is used.
        server: Where to.
        study: The study's folder.
        *cut_off: Trainings that were begun online and did not arrive whole.
    """
    folders = sorted((study / "wandb").glob("offline-run-*"))
    for trial in cut_off:
        folders += sorted((study / "wandb").glob(f"run-*-{trial}"))
    result = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", "--include-online", *map(str, folders)],
        env=environment(commands, server),
        cwd=study,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def client(commands: Commands, server: WandbServer, cwd: Path, code: str) -> subprocess.Popen[str]:
    """Start Python code that talks to a server."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(commands, server),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
