"""Hold a sweep that is to be disturbed: its processes, and what it has left of its study."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from harness.core.events import Event
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.training.training_folder import TrainingFolder
from tests.support.commands import Commands, workers_of

SPACE = Path(__file__).with_name("chaos.yaml")
PATIENCE_SECONDS = 300  # on a crowded machine


class Loss(Exception):  # noqa: N818 - what the disturbed studies must never have
    """Say what went otherwise than asked."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Say what a disturbed study is asked for.

    Args:
        trials: As `--trials`.
        workers: As `--workers`.
        baselines: Whether with `--baselines`, a second each.
        rungs_kimg: Where trials are scored.
        stop_seconds: How long processes are suspended at most.
        pause_seconds: How long it trains at most before the next fault.
    """

    trials: int = 6
    workers: int = 1
    baselines: bool = False
    rungs_kimg: tuple[int, ...] = (8, 16, 32)
    stop_seconds: float = 5.0
    pause_seconds: float = 4.0

    @property
    def is_repeatable(self) -> bool:
        """Return whether the same plan gives the same study, bit for bit."""
        return self.workers == 1 and not self.baselines

    def options(self) -> list[str]:
        """Return the options of the sweep, the same each time."""
        baselines = ["--baselines", "--baseline-seconds", "1"] if self.baselines else []
        return [
            *("--search-space", "./chaos.yaml", "--trials", str(self.trials)),
            *("--workers", str(self.workers), "--checkpoint-seconds", "0.3"),
            *baselines,
        ]


class Sweep:
    """Run one command again and again, whatever ends it.

    Args:
        commands: With which home folder.
        cwd: Where the command runs; its folder `studies` holds the study.
        plan: What it is asked for.
    """

    def __init__(self, commands: Commands, cwd: Path, plan: Plan) -> None:
        self.commands = commands
        self.cwd = cwd
        self.plan = plan
        self.folder = cwd / "studies" / "chaos"
        self.process: subprocess.Popen[bytes] | None = None
        self.worker_kills = 0
        self.orphans: list[int] = []
        # What was cut from a history, by training: the kind of event, and its kimg.
        self.lost: dict[str, set[tuple[type, float]]] = {}
        self.is_damaged_alive = False
        space = yaml.safe_load(SPACE.read_text())
        space["budget"]["rungs_kimg"] = list(plan.rungs_kimg)
        # What is the same each time trains 64 steps a call: minutes, for the largest presets.
        space["deterministic"] = not plan.baselines
        (cwd / "chaos.yaml").write_text(yaml.safe_dump(space, sort_keys=False))

    # The processes

    def start(self) -> None:
        """Give the command."""
        self.worker_kills = 0
        self.is_damaged_alive = False
        # Files, not pipes: whoever outlives the command would keep a pipe open.
        with self._log("out").open("wb") as out, self._log("err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "harness.sweep", *self.plan.options()],
                cwd=self.cwd,
                env=self.commands.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def runner(self) -> int:
        """Return the process id of the running command."""
        if self.process is None:
            raise RuntimeError("the sweep was not started")
        return self.process.pid

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def workers(self) -> list[int]:
        """Return the process ids of the workers; none where the command has ended."""
        try:
            return workers_of(self.runner) if self.is_running() else []
        except OSError:
            return []

    def wait_for_end(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Return the exit code of the command.

        Raises:
            Loss: If it does not end in time.
        """
        if self.process is None:
            raise RuntimeError("the sweep was not started")
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Loss(f"the command did not end within {seconds:g} s") from None

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the runner, or to its whole group; none is sent to who has ended."""
        if self.is_running():
            (os.killpg if group else os.kill)(self.runner, number)

    def kill(self, *, group: bool = True) -> int:
        """Kill the command, wait until its workers are gone too, and return its exit code."""
        self.orphans = self.workers()
        self.signal(signal.SIGKILL, group=group)
        code = self.wait_for_end()
        self.replace_dead()
        return code

    def replace_dead(self) -> None:
        """Wait for the workers of a runner that is gone: they have nobody to work for.

        Raises:
            Loss: If one goes on.
        """
        self._wait(
            lambda: not any(map(_is_alive, self.orphans)), 60, "a worker outlived its runner"
        )
        self.orphans = []

    def printed(self, stream: str) -> str:
        """Return what the command printed to `out` or `err`."""
        return self._log(stream).read_text(errors="replace")

    def check_manners(self, codes: set[int]) -> None:
        """Check how the command ends: with one of the exit codes, and without a traceback.

        Raises:
            Loss: If not so.
        """
        code = self.wait_for_end()
        printed = self.printed("err")
        if code not in codes:
            raise Loss(f"exit code {code}, expected {sorted(codes)}: {printed[-1500:]}")
        if "Traceback" in printed:
            raise Loss(f"a traceback: {printed[-1500:]}")
        errors = [line for line in printed.splitlines() if line.startswith("error: ")]
        if len(errors) != (code == 2):
            raise Loss(f"exit code {code} with {len(errors)} messages: {printed[-1500:]}")

    def _log(self, stream: str) -> Path:
        return self.cwd / f"sweep.{stream}"

    # The study

    def trainings(self) -> Iterator[tuple[str, TrainingFolder]]:
        """Yield the trials and baselines that have a folder."""
        for path in sorted(self.folder.glob("trials/*")) + sorted(self.folder.glob("baselines/*")):
            prefix = "baseline-" if path.parent.name == "baselines" else ""
            yield prefix + path.name, TrainingFolder(path)

    def unfinished(self) -> dict[str, TrainingFolder]:
        """Return the trials that have begun to train and have no outcome."""
        return {
            name: folder
            for name, folder in self.trainings()
            if folder.path.parent.name == "trials"
            and not folder.outcome_file.exists()
            and self.events(folder)
        }

    @staticmethod
    def events(folder: TrainingFolder) -> list[Event]:
        return read_history(folder.path / HISTORY_NAME)

    def said(self) -> dict[str, Event | None]:
        """Return the last event of each training."""
        return {name: (self.events(folder) or [None])[-1] for name, folder in self.trainings()}

    @staticmethod
    def _wait(happened: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise Loss(f"{otherwise} ({seconds:g} s)")
            time.sleep(0.1)

    def wait_for_new_worker(self, before: list[int]) -> None:
        """Wait until the runner has put another worker in the place of a lost one."""
        self._wait(
            lambda: not self.is_running() or bool(set(self.workers()) - set(before)),
            60,
            "a killed worker was not replaced",
        )


def _is_alive(process_id: int) -> bool:
    """Return whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
