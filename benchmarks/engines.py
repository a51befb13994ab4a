"""Compare how many trials an hour the engines train on one machine, in alternating turns.

    python -m benchmarks.engines --trials 24 --turns 5

Each turn is a study of its own of equally large, short trials: local processes, then Ray actors
that see the study's folder, then Ray actors whose files travel. Short trials are the hard case,
because what an engine costs, it costs by the message and by the trial. A turn counts from the
first end of a trial after all workers are ready to the last end at which all are still busy, so
that loading TensorFlow is left out, and so is starting Ray. Writes results.json and README.md into
--out. The machine should be idle.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from harness.backends.cluster import Cluster
from harness.core.events import Finished
from harness.core.files import read_json, write_json, write_text
from harness.core.yaml_file import parse_yaml
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from tests.support.ray_machines import ray, running_machines

SPACE = """
name: engines
dataset: fashion_mnist
parameters:
  batch_size: {value: 64}
  generator.name: {value: mlp}
  generator.latent_dim: {value: 32}
  generator.embedding_dim: {value: 8}
  generator.width: {value: 64}
  generator.depth: {value: 2}
  generator.learning_rate: {low: 1.0e-3, high: 1.1e-3, log: true}
  discriminator.name: {value: mlp}
  discriminator.widths: {value: [64, 64]}
  discriminator.learning_rate: {low: 1.0e-3, high: 1.1e-3, log: true}
  ema.half_life_kimg: {value: 1}
budget: {rungs_kimg: [4, 12]}
sampler: {name: random}
pruner: {name: none}
protocol: {extractor: fashion_cnn, num_images: 2000}
"""
MOST_COST = 0.05
ENGINES = {
    "local": "processes of this machine",
    "ray": "Ray actors that see the study's folder",
    "ray, files travel": "Ray actors whose files the runner writes",
}


class Clock:
    """Note when trials end once all workers are ready."""

    def __init__(self, runner, count):
        self._runner = runner
        self._count = count
        self.ends = []

    def opened(self, ended):
        pass

    def hear(self, name, config, event):
        slots = self._runner.pool.slots
        ready = len(slots) == self._count and all(slot.ready for slot in slots)
        if isinstance(event, Finished) and ready:
            self.ends.append(time.monotonic())

    def trials_per_hour(self):
        """Return the rate between the first end and the last at which all workers were busy."""
        ends = self.ends[: len(self.ends) - (self._count - 1)]
        return 3600 * (len(ends) - 1) / (ends[-1] - ends[0])


def measure_turn(backend, folder, address, options):
    """Return the trials per hour of one study."""
    cluster = None
    if backend != "local":
        cluster = Cluster(address, files="travel" if "travel" in backend else "auto")
    file = folder / "engines.yaml"
    write_text(file, SPACE)
    chosen = SweepOptions(
        name="engines",
        studies_dir=folder,
        trials=options.trials,
        workers=options.workers,
        threads=1,
        tracker="jsonl",
        cluster=cluster,
    )
    runner = StudyRunner(StudyJobs(SearchSpace.load(str(file)), chosen))
    clock = Clock(runner, options.workers)
    runner.run(clock)
    return clock.trials_per_hour()


def measure(options):
    """Return the rates of every engine, one a turn."""
    rates = {backend: [] for backend in ENGINES}
    with running_machines(head_cpus=options.workers, others=0) as machines:
        for turn in range(options.turns):
            for backend in ENGINES:
                with tempfile.TemporaryDirectory() as folder:
                    rate = measure_turn(backend, Path(folder), machines.address, options)
                rates[backend].append(rate)
                print(f"turn {turn + 1}: {backend}: {rate:.0f} trials/h", flush=True)
    return rates


def describe(result):
    """Return the report's text."""
    rates = result["trials_per_hour"]
    base = statistics.median(rates["local"])
    rows = [
        f"| {backend} | {ENGINES[backend]} | {statistics.median(each):.0f} | "
        f"{min(each):.0f} to {max(each):.0f} | {statistics.median(each) / base - 1:+.1%} |"
        for backend, each in rates.items()
    ]
    slower = max(1 - statistics.median(each) / base for each in rates.values())
    kimg = parse_yaml(SPACE, source="SPACE")["budget"]["rungs_kimg"][-1]
    return "\n".join(
        [
            "# Engines",
            "",
            f"`python -m benchmarks.engines --trials {result['trials']} --turns "
            f"{result['turns']}` on {result['cores']} cores without a GPU, Python "
            f"{result['python']}, Ray {result['ray']}, {result['workers']} workers of one "
            "thread each.",
            "",
            f"Trials per hour of studies whose trials are equally large, {kimg} kimg of a small "
            f"MLP with two scores and a final one, once all workers are ready. The engines took "
            f"turns; medians of {result['turns']} turns each. Trials of minutes cost an engine "
            f"the same messages by the second and fewer by the trial.",
            "",
            "| engine | workers are | trials/h | range | against local |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Ray is to be at most {MOST_COST:.0%} slower: it "
            f"{'is' if slower <= MOST_COST else 'is more than that'}. Turns of one engine differ "
            f"by {max(max(each) / min(each) - 1 for each in rates.values()):.0%}.",
            "",
            "What happens when nodes, workers or the runner are lost stands in "
            "[faults.md](faults.md), what travels in [travel.md](travel.md).",
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24, help="of each turn")
    parser.add_argument("--turns", type=int, default=5, help="of each engine; 0 only writes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/cluster"))
    options = parser.parse_args()
    file = options.out / "results.json"
    if options.turns:
        result = {
            "trials": options.trials,
            "turns": options.turns,
            "workers": options.workers,
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "ray": ray.__version__,
            "trials_per_hour": measure(options),
        }
        write_json(file, result)
    write_text(options.out / "README.md", describe(read_json(file)))


if __name__ == "__main__":
    main()
