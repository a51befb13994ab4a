"""Compare our Fréchet distance with the textbook's in 2,048 dimensions: seconds and their ratio.

`python -m benchmarks.frechet [--repeats N] [--dimensions D]`
"""

import argparse
import statistics
import time

import numpy as np
from scipy import linalg

from harness.metrics.fid import GaussianStatistics, frechet_distance


def random_statistics(rng, dimensions):
    mixing = rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    return GaussianStatistics.from_features(
        rng.normal(size=(dimensions + 500, dimensions)) @ mixing
    )


def textbook(real, fake):
    difference = real.mean - fake.mean
    root = linalg.sqrtm(real.covariance @ fake.covariance).real
    return float(
        difference @ difference + np.trace(real.covariance + fake.covariance - 2.0 * root)
    )


def uncached(real, fake):
    """Measure with a fresh reference, whose root is not yet known."""
    fresh = GaussianStatistics(real.mean, real.covariance, real.num_images)
    return frechet_distance(fresh, fake)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dimensions", type=int, default=2_048)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    real, fake = (random_statistics(rng, options.dimensions) for _ in range(2))
    _ = real.root
    ways = {"sqrtm": textbook, "ours, first": uncached, "ours, later": frechet_distance}
    seconds = {name: [] for name in ways}
    values = {}
    # In turn, so that whatever else the machine does falls on all alike.
    for _ in range(options.repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            values[name] = way(real, fake)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        difference = abs(values[name] / values["sqrtm"] - 1)
        print(
            f"{name:<12} {median:7.2f} s  {medians['sqrtm'] / median:5.1f} x  "
            f"FID {values[name]:.6f}  (relative difference {difference:.1e})"
        )


if __name__ == "__main__":
    main()
