"""Drive the runner with a thousand workers that only pretend to train.

    python -m benchmarks.scale --workers 10 100 1000 --trials 10000

Everything but the training is real: asking, reporting, pruning, telling and files. A worker's
wait is timed from the moment it has spoken to the moment it is answered, while nobody else waits;
the time that the pretending itself takes is kept out. Writes results.json, README.md and
waits.png into --out; each case adds what it has measured so far every few seconds, so that an
interrupted one shows how far it came, and cases not asked for keep what they had.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.scale_report import keep, write_report
from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from tests.support.doubles import StandInEngine, minus, now

KINDS = ("ask", "report", "tell", "progress")
BINS = 40
SAVE_SECONDS = 10.0


class Record:
    """Sum up waits by how many trials had begun.

    Args:
        clock: Times the waits.
        trials: How many the study shall have.
        save: Called with the sums so far.
    """

    def __init__(self, clock, trials, save):
        self._clock = clock
        self._save = save
        self._size = max(1, trials // BINS)
        self.bins = []
        clock.heard = self._hear
        self._begin()

    def _begin(self):
        self._began, self._pretended = now(), self._clock.pretended
        self._saved = time.monotonic()

    def _hear(self):
        if self._clock.begun >= self._size * (len(self.bins) + 1):
            self.close()
        elif time.monotonic() - self._saved > SAVE_SECONDS:  # a slow case shows how far it is
            self._saved = time.monotonic()
            self._save([*self.bins, self._sum()])

    def close(self):
        """End the present bin."""
        self.bins.append(self._sum())
        print(json.dumps(self.bins[-1]), flush=True)
        self._save(self.bins)
        self._clock.waits.clear()
        self._begin()

    def _sum(self):
        pretended = minus(self._clock.pretended, self._pretended)
        seconds, cpu_seconds = minus(minus(now(), self._began), pretended)
        waits = self._clock.waits
        return {
            "begun": self._clock.begun,
            "asked": sum(kind == "ask" for kind, _, _ in waits),
            "told": sum(kind == "tell" for kind, _, _ in waits),
            "brain_seconds": round(seconds, 3),
            "cpu_seconds": round(cpu_seconds, 3),
            "memory_megabytes": round(resident_megabytes()),
            **{kind: summarise(waits, kind) for kind in KINDS},
        }


def summarise(waits, kind):
    """Return median and 95th percentile of one kind of wait, and its processor time, in ms."""
    found = sorted(1000 * seconds for each, seconds, _ in waits if each == kind)
    if not found:
        return None
    late = found[min(len(found) - 1, int(0.95 * len(found)))]
    cpu = statistics.median(1000 * seconds for each, _, seconds in waits if each == kind)
    return {
        "median_ms": round(statistics.median(found), 2),
        "p95_ms": round(late, 2),
        "cpu_median_ms": round(cpu, 2),
    }


def resident_megabytes():
    """Return this process's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def drive(options, space, save):
    """Run a study with workers that pretend; return its bins."""
    backend = StandInEngine()
    runner = StudyRunner(StudyJobs(SearchSpace.load(space), options), backend=backend)
    record = Record(backend.clock, options.trials, save)
    runner.run(NullListener())
    record.close()
    return record.bins


def measure(workers, options):
    """Run one case in a folder of its own, and keep what it measured."""

    def save(bins):
        case = {
            "trials": options.trials,
            "space": options.space,
            "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
            "load": round(os.getloadavg()[0], 1),
            "bins": bins,
        }
        keep(options.out, f"{options.label} sqlite {workers}", case)

    print(f"{workers} workers", flush=True)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        sweep = SweepOptions(
            name=f"scale-{workers}",
            studies_dir=Path(folder),
            trials=options.trials,
            workers=workers,
            seed=0,
            tracker="jsonl",
            time_budget_seconds=60 * options.minutes if options.minutes else None,
        )
        drive(sweep, options.space, save)


def main():
    """Run the cases and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--space", default="default")
    parser.add_argument("--minutes", type=float, help="End each case after so long.")
    parser.add_argument("--label", default="now", help="Begins the names of the cases.")
    parser.add_argument("--out", type=Path, default=Path("reports/scale"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for workers in options.workers:
        measure(workers, options)
    write_report(options.out)


if __name__ == "__main__":
    main()
