"""Start a real PostgreSQL for the tests: on a local socket, without a network, without root."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

USER = "harness"
PASSWORD = "correct-horse"  # the server lets everyone in, so what is sent is up to the client


def missing() -> str | None:
    """Return why no server can be started here; None if one can."""
    if _binaries() is None:
        return "PostgreSQL is not installed (Debian's package postgresql)"
    if os.geteuid() == 0 and (shutil.which("setpriv") is None or not _has_account()):
        return "PostgreSQL does not run as root, and there is no other account to start it by"
    return None


@contextlib.contextmanager
def running_server() -> Iterator[str]:
    """Run a server while the block runs; give its URL, with a password."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory(prefix="harness-pg-") as folder:  # sockets want short paths
        prefix: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

        def run(*command: str | Path) -> None:
            subprocess.run(
                [*prefix, *map(str, command)],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=60,
            )

        data = Path(folder) / "data"
        run(binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-c listen_addresses= -c fsync=off -k {folder}"
        log = Path(folder) / "log"
        run(binaries / "pg_ctl", "-D", data, "-l", log, "-o", settings, "-w", "start")
        try:
            yield f"postgresql://{USER}:{PASSWORD}@/postgres?host={folder}"
        finally:
            run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _binaries() -> Path | None:
    """Return the newest server's folder: Debian keeps it off the path."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.is_dir()]
    on_path = shutil.which("initdb")
    found += [Path(on_path).resolve().parent] if on_path else []
    able = [path for path in found if (path / "initdb").exists() and (path / "pg_ctl").exists()]
    return max(able, key=lambda path: (len(path.parent.name), path.parent.name), default=None)


def _has_account() -> bool:
    with contextlib.suppress(KeyError):
        import pwd

        return bool(pwd.getpwnam("postgres"))
    return False
