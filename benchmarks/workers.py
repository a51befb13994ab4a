"""Measure what a second worker brings, what the harness costs, and whether memory stays flat.

    python -m benchmarks.workers --trials 16 --tiny-trials 100

Sweeps the default space with one and with two workers, each time in an empty folder. Overhead is
the share of each worker's wall-clock, from the moment the study is open until its last trial has
ended, in which it neither trains nor scores: building networks, saving, logging, asking, waiting.

Then many tiny trials run in one worker that is never replaced, and its memory is read after each.
Writes workers.json, README.md and memory.png into --out. The machine should be idle; 0 trials of
a kind keep what was measured before.
"""

import argparse
import functools
import json
import os
import platform
import tempfile
import time
from pathlib import Path

from benchmarks.memory_curve import draw_memory, growth_per_trial
from harness.core.files import write_json, write_text
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace

LOG = "HARNESS_WORKERS_LOG"
MOST_OVERHEAD = 0.05


class Clock:
    """Note when the study is open, and when each trial ends."""

    def __init__(self):
        self.began = None

    def opened(self, ended):
        self.began = time.monotonic()

    def hear(self, name, config, event):
        pass


def append(record):
    """Add a line to the log of this run; workers append to the same file."""
    with Path(os.environ[LOG]).open("a") as file:
        file.write(json.dumps(record) + "\n")


def observe_worker():
    """Wrap what this worker does, so that it notes how long, and how much memory it has."""
    from harness.backends import worker
    from harness.gan.trainer import Trainer
    from harness.metrics.evaluator import Evaluator
    from harness.training import loop

    def timed(function, kind):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            began = time.monotonic()
            try:
                return function(*args, **kwargs)
            finally:
                append({kind: time.monotonic() - began})

        return wrapper

    def measured(function):
        @functools.wraps(function)
        def wrapper():
            megabytes = function()
            append({"memory": megabytes, "worker": os.getpid(), "at": time.monotonic()})
            return megabytes

        return wrapper

    Trainer.advance = timed(Trainer.advance, "training")
    Evaluator.score = timed(Evaluator.score, "scoring")
    Evaluator.diversity = timed(Evaluator.diversity, "scoring")
    loop.sample_for = timed(loop.sample_for, "scoring")
    worker._memory_megabytes = measured(worker._memory_megabytes)


def sweep(space, *, trials, workers, **options):
    """Run a study in an empty folder; return its seconds and what the workers noted."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[LOG] = str(Path(folder) / "log.jsonl")
        clock = Clock()
        settings = SweepOptions(
            name="benchmark",
            studies_dir=Path(folder),
            trials=trials,
            workers=workers,
            threads=1,
            seed=0,
            **options,
        )
        StudyRunner(StudyJobs(SearchSpace.load(space), settings)).run(clock)
        seconds = time.monotonic() - clock.began
        records = [json.loads(line) for line in Path(os.environ[LOG]).read_text().splitlines()]
    return clock.began, seconds, records


def measure_speed(trials, workers):
    """Return trials an hour and where the workers' time went."""
    began, seconds, records = sweep("default", trials=trials, workers=workers)
    spent = {
        kind: sum(record.get(kind, 0.0) for record in records) for kind in ("training", "scoring")
    }
    # Once there is nothing left to hand out, a worker that waits for the others costs nothing.
    last = {record["worker"]: record["at"] for record in records if "worker" in record}
    occupied = sum(at - began for at in last.values())
    overhead = 1 - sum(spent.values()) / occupied
    return {
        "workers": workers,
        "trials": trials,
        "seconds": seconds,
        "trials_per_hour": 3600 * trials / seconds,
        "training_seconds": spent["training"],
        "scoring_seconds": spent["scoring"],
        "overhead": overhead,
    }


def measure_memory(trials):
    """Return a worker's memory in MiB after each of many tiny trials."""
    _, _, records = sweep(
        "smoke", trials=trials, workers=1, tracker="jsonl", max_worker_megabytes=1e9
    )
    return [record["memory"] for record in records if "memory" in record]


def describe(results):
    """Return the report as Markdown."""
    rows = [
        f"| {run['workers']} | {run['trials_per_hour']:.0f} | {run['seconds']:.0f} | "
        f"{run['training_seconds']:.0f} | {run['scoring_seconds']:.0f} | "
        f"{100 * run['overhead']:.1f} % |"
        for run in results["speed"]
    ]
    memory = results["memory"]
    return "\n".join(
        [
            "# Workers",
            "",
            f"`python -m benchmarks.workers --trials {results['speed'][0]['trials']} "
            f"--tiny-trials {len(results['memory'])}`, {results['machine']}.",
            "",
            f"The first {results['speed'][0]['trials']} trials of the default space, one thread a "
            "worker. Overhead: the share of each worker's time, from the opening of the study to "
            "the end of its last trial, in which it neither trains nor scores.",
            "",
            "| workers | trials an hour | seconds | training | scoring | overhead |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"Memory of one worker over {len(memory)} tiny trials, never replaced: "
            f"{memory[0]:.0f} MiB after the first, {memory[-1]:.0f} MiB after the last, "
            f"{growth_per_trial(memory):+.2f} MiB a trial over the second half.",
            "",
            "![Memory after each trial](memory.png)",
            "",
        ]
    )


def main():
    """Run the benchmark and write its report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--tiny-trials", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("reports/workers"))
    options = parser.parse_args()
    kept = options.out / "workers.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    results["machine"] = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    if options.trials:
        results["speed"] = [measure_speed(options.trials, workers) for workers in (1, 2)]
        print(json.dumps(results["speed"]), flush=True)
    if options.tiny_trials:
        results["memory"] = measure_memory(options.tiny_trials)
        print(results["memory"], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(kept, results)
    if {"speed", "memory"} <= results.keys():
        write_text(options.out / "README.md", describe(results))
        draw_memory(results["memory"]).save(options.out / "memory.png")


# A spawned worker runs this module too, under this name, before it serves.
if __name__ == "__mp_main__" and LOG in os.environ:
    observe_worker()

if __name__ == "__main__":
    main()
