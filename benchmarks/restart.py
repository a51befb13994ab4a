"""Measure how long a sweep takes to go on with a study of many ended trials.

    python -m benchmarks.restart --trials 10000

Twelve trials are run by a worker that only pretends, and copied with their W&B logs until there
are enough. The study is then opened as any sweep opens it, with the default tracker, W&B offline;
a second time without any of W&B's logs, as of a study that was tracked otherwise.
"""

import argparse
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path

from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.tracking.identity import TrackerOptions
from tests.support.grown_studies import grow_study, run_study

MODELS = 12


def measure(folder, space, trials):
    """Return seconds and processor seconds of opening, with W&B's logs and without."""

    def options(count):
        tracking = TrackerOptions(images=False, wandb_mode="offline")
        return SweepOptions(
            name="grown", studies_dir=folder, trials=count, workers=1, tracker_options=tracking
        )

    run_study(space, options(MODELS))
    grow_study(folder / "grown", trials)
    found = []
    for _ in range(2):
        began, worked = time.perf_counter(), time.process_time()
        run_study(space, options(trials))
        found.append((time.perf_counter() - began, time.process_time() - worked))
        shutil.rmtree(folder / "grown" / "wandb", ignore_errors=True)
    return found


def main():
    """Measure once and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--space", default="default")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="restart-") as folder:
        space = SearchSpace.load(options.space)
        with_logs, without = measure(Path(folder), space, options.trials)
    print(
        f"{options.trials:,} ended trials of {options.space}: {with_logs[0]:.1f} s with W&B's "
        f"logs, {with_logs[1]:.1f} of processor time; {without[0]:.1f} s without them, "
        f"{without[1]:.1f} (load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores)"
    )


if __name__ == "__main__":
    main()
