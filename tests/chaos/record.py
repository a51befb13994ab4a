"""Inject faults into studies back to back, and write what came of each.

`python -m tests.chaos.record --faults 200` goes on where an earlier one was stopped.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.faults import FAULTS
from tests.chaos.report import write_report
from tests.chaos.studies import Decks, Injected, disturb, finish, run_reference
from tests.chaos.sweeps import Plan, Sweep
from tests.support.commands import Commands

DISK_MEGABYTES = {False: 96, True: 2048}  # the presets are large
_OWN_MOUNTS = "CHAOS_OWN_MOUNTS"


def main() -> int:
    arguments = _parse()
    _see_mounts_alone()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments.out.mkdir(parents=True, exist_ok=True)
    journal = Journal(arguments.out / "chaos.jsonl", arguments.seed)
    if journal.faults < arguments.faults:
        _inject(arguments, journal)
    write_report(arguments, journal.records)
    return int(any(record.get("losses") for record in journal.records))


def _inject(arguments: argparse.Namespace, journal: "Journal") -> None:
    work = Path(tempfile.mkdtemp(prefix="chaos-", dir=arguments.work))
    (work / "home").mkdir()
    commands = Commands(work / "home")
    reference = run_reference(commands, _cwd(work, "reference"), Plan(trials=arguments.trials))
    decks = Decks(random.Random(f"decks/{arguments.seed}/{journal.faults}"), set(arguments.kinds))
    while journal.faults < arguments.faults:
        plan = plan_of(journal.studies, arguments)
        sweep = Sweep(commands, _cwd(work, f"{journal.studies:03d}"), plan)
        with _own_disk(sweep):
            _study(journal, sweep, decks, reference if plan.is_repeatable else None)
    shutil.rmtree(work / "reference")


def plan_of(number: int, arguments: argparse.Namespace) -> Plan:
    """Return what a study is asked for: most have one worker, and can be compared exactly.

    Baselines come once: the presets take minutes.
    """
    return Plan(
        trials=arguments.trials,
        workers=2 if number % 4 == 2 else 1,
        baselines=number == 4,
    )


class Journal:
    """Append records to a file; a study that was cut short before does not count.

    Args:
        path: The file.
        seed: Whose records it holds.
    """

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self.seed = seed
        self.records: list[dict[str, Any]] = []
        if path.exists():
            records = [json.loads(line) for line in path.read_text().splitlines()]
            whole = {record["study"] for record in records if "losses" in record}
            self.records = [record for record in records if record["study"] in whole]
        path.write_text("".join(json.dumps(record) + "\n" for record in self.records))

    @property
    def studies(self) -> int:
        """Return how many studies have ended."""
        return sum("losses" in record for record in self.records)

    @property
    def faults(self) -> int:
        """Return how many faults were injected."""
        return sum("kind" in record for record in self.records)

    def add(self, record: dict[str, Any]) -> None:
        """Append one record, and show it."""
        self.records.append(record)
        line = json.dumps(record)
        with self._path.open("a") as file:
            file.write(line + "\n")
        print(f"{time.strftime('%H:%M:%S')} {self.faults:3d} {line}", flush=True)


def _study(journal: Journal, sweep: Sweep, decks: Decks, reference: dict[str, Any] | None) -> None:
    number = journal.studies
    rng = random.Random(f"moments/{journal.seed}/{number}")
    began = time.monotonic()
    injected: list[Injected] = []
    for fault in disturb(sweep, rng, decks.next):
        injected.append(fault)
        journal.add({"study": number, **_rounded(fault)})
    losses = [f"{fault.kind}: {fault.loss}" for fault in injected if fault.loss]
    losses = losses or finish(sweep, reference)
    if losses:
        kept = sweep.cwd.with_name(f"{sweep.cwd.name}-lost")
        shutil.copytree(sweep.cwd, kept, symlinks=True)
        print(f"LOST; kept in {kept}", flush=True)
    journal.add(
        {
            "study": number,
            "workers": sweep.plan.workers,
            "baselines": sweep.plan.baselines,
            "faults": len(injected),
            "compared": reference is not None,
            "seconds": round(time.monotonic() - began, 1),
            "losses": losses,
        }
    )


def _rounded(fault: Injected) -> dict[str, Any]:
    record = dataclasses.asdict(fault)
    return {
        key: round(value, 1) if isinstance(value, float) else value
        for key, value in record.items()
    }


@contextlib.contextmanager
def _own_disk(sweep: Sweep) -> Iterator[None]:
    """Give a study a disk of its own, small enough to be filled; none where nobody may mount."""
    studies = sweep.folder.parent
    studies.mkdir(exist_ok=True)
    is_mounted = _OWN_MOUNTS in os.environ
    if is_mounted:
        options = f"size={DISK_MEGABYTES[sweep.plan.baselines]}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", studies], check=True)
    try:
        yield
    finally:
        if sweep.is_running():
            sweep.kill()
        if is_mounted:
            subprocess.run(["umount", "--lazy", studies], check=True)
        shutil.rmtree(sweep.cwd)


def _see_mounts_alone() -> None:
    """Begin anew where mounts concern nobody else; where that is forbidden, go on without."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if _OWN_MOUNTS in os.environ or subprocess.run([*alone, "true"], check=False).returncode:
        return
    os.environ[_OWN_MOUNTS] = "1"
    os.execvp(alone[0], [*alone, sys.executable, "-m", "tests.chaos.record", *sys.argv[1:]])


def _cwd(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir()
    return folder


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="how many at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("reports/reliability"))
    parser.add_argument("--work", type=Path, default=None, help="where studies run")
    parser.add_argument("--trials", type=int, default=5, help="of each study")
    parser.add_argument("--kinds", nargs="*", choices=list(FAULTS), default=list(FAULTS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
