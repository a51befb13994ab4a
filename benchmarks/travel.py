"""Measure what comes from workers that do not see the study: `benchmarks.travel`.

A DCGAN of the default space's size is trained on a node of a real Ray cluster on this machine,
with different pauses between checkpoints. Counted is what the runner writes: files, bytes, and the
seconds that takes it. Writes travel.md into --out.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

from harness.backends.cluster import Cluster
from harness.backends.ray import ray_backend
from harness.backends.ray.file_transfer import BYTES_PER_SECOND, LARGEST_FILE_BYTES
from harness.core.files import write_text
from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from tests.support.ray_machines import running_machines

SPACE = """
name: travel
dataset: fashion_mnist
parameters:
  batch_size: {value: 32}
  generator.name: {value: dcgan}
  generator.latent_dim: {value: 64}
  generator.width: {value: 16}
  generator.depth: {value: 2}
  generator.learning_rate: {low: 1.0e-3, high: 1.1e-3, log: true}
  discriminator.name: {value: conv}
  discriminator.width: {value: 24}
  discriminator.learning_rate: {low: 1.0e-3, high: 1.1e-3, log: true}
budget: {rungs_kimg: [5, 25, 60]}
sampler: {name: random}
pruner: {name: none}
protocol: {extractor: fashion_cnn, num_images: 10000}
"""


@dataclasses.dataclass
class Post:
    """Count what arrives."""

    sizes: list[int] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def unpack(self, file_set, folder):
        """Write a file set as the backend does, and count it."""
        began = time.perf_counter()
        unpack(file_set, folder)
        self.seconds += time.perf_counter() - began
        self.sizes.extend(len(content) for content in file_set.files.values())


unpack = ray_backend.unpack


def measure(address, checkpoint_seconds):
    """Return a row of the table: one trial with that pause between checkpoints."""
    slot = Post()
    ray_backend.unpack = slot.unpack
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "travel.yaml"
        write_text(file, SPACE)
        options = SweepOptions(
            name="travel",
            studies_dir=Path(folder),
            trials=1,
            workers=1,
            threads=1,
            tracker="none",
            checkpoint_seconds=checkpoint_seconds,
            cluster=Cluster(address, files="travel"),
        )
        runner = StudyRunner(StudyJobs(SearchSpace.load(str(file)), options))
        runner.run(NullListener())
        (entry,) = read_entries(options.folder)
    seconds = entry.outcome.duration_seconds
    megabytes = sum(slot.sizes) / 1e6
    return (
        f"| {checkpoint_seconds:g} s | {seconds:.0f} s | {len(slot.sizes)} | {megabytes:.1f} MB | "
        f"{max(slot.sizes) / 1e6:.1f} MB | {megabytes / seconds:.2f} MB/s | "
        f"{1000 * slot.seconds / megabytes:.1f} ms |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pauses", type=float, nargs="+", default=[60, 10, 0])
    parser.add_argument("--out", type=Path, default=Path("reports/cluster"))
    options = parser.parse_args()
    with running_machines(head_cpus=1, others=0) as machines:
        rows = [measure(machines.address, pause) for pause in options.pauses]
    text = [
        "# What travels",
        "",
        "`python -m benchmarks.travel`: a DCGAN of the default space's size, 60 kimg with "
        "three rungs, on a node that does not see the study. What the runner wrote of it:",
        "",
        "| checkpoints every | training | files | together | largest | on the average | "
        "runner's time a MB |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Bounds: a file of {LARGEST_FILE_BYTES / 2**30:g} GiB, and between rungs "
        f"{BYTES_PER_SECOND / 1e6:g} MB/s of all workers together. With a pause of 0 a "
        f"checkpoint follows each burst of training, and that bound alone holds it back; at rungs "
        f"a checkpoint travels whatever it weighs.",
        "",
    ]
    write_text(options.out / "travel.md", "\n".join(text))


if __name__ == "__main__":
    main()
