"""Time the metrics beside FID on random features, and the memory that each takes at its peak.

`python -m benchmarks.neighbours [--images N] [--train M] [--dimensions D]`
"""

import argparse
import resource
import sys
import threading
import time

import numpy as np

from harness.metrics.fid import GaussianStatistics, per_class_distances
from harness.metrics.fid_infinity import frechet_at_infinity
from harness.metrics.kid import kernel_distance
from harness.metrics.memorisation import nearest_distances
from harness.metrics.precision_recall import manifold_scores


class PeakMemory:
    """Measure by how much the resident memory of this process rises, every 5 ms."""

    def __enter__(self):
        self._before = resident_mebibytes()
        self.rise = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _watch(self):
        while not self._ended.wait(0.005):
            self.rise = max(self.rise, resident_mebibytes() - self._before)


def resident_mebibytes():
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--train", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=240)
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("resident memory is read from /proc: run this on Linux.")

    rng = np.random.default_rng(0)
    shape = (options.images, options.dimensions)
    real = rng.standard_normal(shape, np.float32)
    fake = rng.standard_normal(shape, np.float32) * 1.02
    train = rng.standard_normal((options.train, options.dimensions), np.float32)
    labels = np.arange(options.images) % 10
    statistics = GaussianStatistics.from_features(real)
    _ = statistics.root

    metrics = {
        "precision … coverage": lambda: manifold_scores(real, fake),
        "KID": lambda: kernel_distance(real, fake),
        "nearest of training": lambda: nearest_distances(fake, train),
        "FID∞": lambda: frechet_at_infinity(statistics, fake, 0),
        "FID per class": lambda: per_class_distances(real, labels, fake, labels),
    }
    print(f"{options.images} x {options.images} images of {options.dimensions} features")
    for name, metric in metrics.items():
        wall, processor = time.perf_counter(), time.process_time()
        with PeakMemory() as memory:
            metric()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(f"{name:<22}{wall:7.2f} s {processor:7.2f} CPU s {memory.rise:7.0f} MiB more")
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{'whole process':<22}{highest:33.0f} MiB at most")


if __name__ == "__main__":
    main()
