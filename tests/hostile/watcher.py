"""Give commands to the process that watches them, and judge what they did."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Self

import harness
from harness.data.fashion_mnist import find_location

CANARY = "c4n4ry-9f31"
"""What stands in every file outside; whatever shows it has read one."""

MARKUP = "<script>alert('c')</script>"

_STEERING = re.compile("[^\n\t\x20-\x7e\xa0-\u200d\u2010-\u2027\u202f-\ud7ff\ue000-\U0010ffff]")

_PACKAGE = str(Path(harness.__file__).parents[1])
_ROOTS = (
    sys.prefix,
    sys.base_prefix,
    sysconfig.get_path("stdlib"),
    _PACKAGE,
    "/proc",
    "/sys",
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/etc/mime.types",
    "/dev/null",
    "/dev/urandom",
)
"""What a command may read of the machine: Python, the package, what Linux says of itself."""


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that was run on something hostile.

    Args:
        arguments: The command.
        code: Its exit code, or `traceback`.
        out: What it printed.
        err: What it printed to standard error.
        touched: `read`, `write`, `start` or `connect`, and what.
    """

    arguments: tuple[str, ...]
    code: int | str
    out: str
    err: str
    touched: tuple[tuple[str, str], ...]

    def faults(self, *, reads: tuple[Path, ...], writes: tuple[Path, ...]) -> list[str]:
        """Return what a command must not have done.

        Args:
            reads: Folders that were given to it.
            writes: Folders that it may write.
        """
        codes = (0, 1, 2) if self.arguments[0] == "doctor" else (0, 2, 3)
        found = [] if self.code in codes else [f"exit code {self.code}: {self.err[-3000:]}"]
        for name, text in (("output", self.out), ("errors", self.err)):
            if CANARY in text:
                found.append(f"{name} show what lies outside: {text[:500]!r}")
            if "Traceback" in text:
                found.append(f"{name} hold a traceback: {text[-3000:]}")
            if steering := _STEERING.search(text):
                found.append(f"{name} steer the terminal: {steering[0]!r}")
        if self.code == 2 and self.err.count("error: ") != 1:
            found.append(f"not one message: {self.err[:500]!r}")
        allowed = tuple(map(str, (*reads, *writes))) + _ROOTS
        for kind, what in self.touched:
            if kind in ("start", "connect"):
                found.append(f"{kind}s {what}")
            elif kind == "read" and not _within(what, allowed):
                found.append(f"reads {what}")
            elif kind == "write" and not _within(what, (*map(str, writes), "/dev/null")):
                found.append(f"writes {what}")
        return found


def _within(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root + os.sep) for root in roots)


class Watcher:
    """A process that runs one command after another and is watched.

    Args:
        home: A folder of its own for caches and temporary files.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = (find_location().folder,)
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        self._start()

    def _start(self) -> None:
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("WANDB", "HARNESS", "PYTHON", "COLUMNS"))
        }
        own = {
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "WANDB_MODE": "offline",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HARNESS_DATA_DIR": str(self.data[0]),
            "COLUMNS": "100",
            "PYTHONPATH": _PACKAGE,  # the one that these tests import, not one installed elsewhere
        }
        (to_child, to_us), (from_us, from_child) = os.pipe(), os.pipe()
        program = Path(__file__).with_name("watched.py")
        with (self.home / "stderr").open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, str(program), str(to_child), str(from_child)],
                env=kept | own,
                pass_fds=(to_child, from_child),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        os.close(to_child)
        os.close(from_child)
        self._requests, self._answers = os.fdopen(to_us, "w"), os.fdopen(from_us)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._requests.close()
        self._answers.close()
        self._process.kill()
        self._process.wait()

    def run(self, *arguments: object, cwd: Path) -> Done:
        """Run a command in a folder; a process that it killed is told, and begun anew."""
        given = tuple(map(str, arguments))
        self._requests.write(json.dumps({"arguments": given, "cwd": str(cwd)}) + "\n")
        self._requests.flush()
        line = self._answers.readline()
        if not line:
            self._process.wait()
            err = (self.home / "stderr").read_text(errors="replace")
            self._start()
            return Done(given, "killed", "", err, ())
        answer: dict[str, Any] = json.loads(line)
        touched = tuple((kind, what) for kind, what in answer.pop("touched"))
        return Done(given, touched=touched, **answer)
