"""Sweep the same study beside busy processes: the same trials, outcomes and ranking, only later.

    python -m benchmarks.busy_machine --search-space default --trials 12 --loops 0 1 4

One worker trains, so that who comes to a rung first is no matter of speed; what a clock could
still bend are decisions by time. Prints a row a run, and whether all agree with the first.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.study.leaderboard import rank, read_entries

Result = list[tuple[str, str, float | None]]
"""Name, reason and best score of each trial, best first."""


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep so many processes busy while a block runs."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def sweep(space: str, trials: int, folder: Path) -> Result:
    """Return what a sweep of one worker found."""
    command = [sys.executable, "-m", "harness.sweep", "--search-space", space, "--study", "s"]
    command += ["--trials", str(trials), "--workers", "1", "--tracker", "none", "--json"]
    subprocess.run(
        [*command, "--studies-dir", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return [
        (entry.name, entry.outcome.reason.value, entry.score and round(entry.score.value, 3))
        for entry in rank(read_entries(folder / "s"))
    ]


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search-space", default="default")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--loops", type=int, nargs="+", default=[0, 1, 4])
    options = parser.parse_args()
    first: Result | None = None
    for count in options.loops:
        with tempfile.TemporaryDirectory() as folder, busy_loops(count):
            began = time.monotonic()
            found = sweep(options.search_space, options.trials, Path(folder))
            seconds = time.monotonic() - began
        first = first or found
        same = [row[:2] for row in found] == [row[:2] for row in first]
        print(f"{count} busy loops: {seconds:.0f} s, {'the same' if same else 'ANOTHER'} ranking")
        for row in found:
            print("  ", *row)


if __name__ == "__main__":
    main()
