"""Validate the extractors like measuring instruments: `python -m benchmarks.extractor_validation`.

Disturbs 10,000 training images by rising amounts, measures FID against the validation split under
every member of the panel and the held-back extractor, and writes results.json, curves.png and
README.md into reports/extractor/. What results.json holds already is not measured again.
"""

import argparse
import functools
import time
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.curves import draw_curves
from benchmarks.validation_readme import describe
from harness.core.files import read_json, write_json, write_text
from harness.core.seeds import derive_seed
from harness.data.fashion_mnist import load_fashion_mnist
from harness.metrics.extractors.feature_extractor import load_extractor
from harness.metrics.extractors.panel import JUDGES, WITNESSES
from harness.metrics.fid import GaussianStatistics, frechet_distance
from tests.extractors.residual import load_second_extractor
from tests.metrics.disturbances import DISTURBANCES, dropped_classes

REPORT = Path(__file__).parents[1] / "reports" / "extractor"


class Instrument:
    """Measure the FID of images against the validation split under one extractor."""

    def __init__(self, extractor, reference):
        self.extractor = extractor
        self._reference = GaussianStatistics.from_features(extractor.features(reference.images))

    def __call__(self, images):
        features = self.extractor.features(images)
        return frechet_distance(self._reference, GaussianStatistics.from_features(features))


def stratified_draw(split, index, per_class):
    """Return the rows of the index-th draw: as many of each class, disjoint from other draws."""
    rows = [
        np.flatnonzero(split.labels == label)[index * per_class : (index + 1) * per_class]
        for label in range(10)
    ]
    return np.sort(np.concatenate(rows))


def measure_levels(images, labels, instruments, apply, levels, name):
    """Return, for each instrument, the FID at each level."""
    values = {key: [] for key in instruments}
    for level in levels:
        rng = np.random.default_rng(derive_seed("disturbance", name, str(level)))
        disturbed = apply(images, labels, level, rng)
        for key, fid in instruments.items():
            values[key].append(fid(disturbed))
    return values


def rank_correlation(values):
    return float(stats.spearmanr(np.arange(len(values)), values).statistic)


def measure_disturbances(images, labels, instruments, known, save):
    """Return all curves, those of known results and the missing ones, saved as they come."""
    results = dict(known)
    for name, disturbance in DISTURBANCES.items():
        fids = dict(known.get(name, {}).get("fid", {}))
        missing = {key: each for key, each in instruments.items() if key not in fids}
        if missing:
            fids |= measure_levels(
                images, labels, missing, disturbance.apply, disturbance.levels, name
            )
        results[name] = {
            "title": disturbance.title,
            "unit": disturbance.unit,
            "levels": list(disturbance.levels),
            "fid": fids,
            "rank_correlation": {key: rank_correlation(v) for key, v in fids.items()},
        }
        save(results)
        print(name, {key: [round(v, 3) for v in fid] for key, fid in fids.items()}, flush=True)
    return results


def measure_class_orders(images, labels, instruments):
    """Return the rank correlation of dropped classes for other orders than 0, 1, 2, …"""
    orders = [tuple(range(9, -1, -1))]
    orders += [tuple(np.random.default_rng(seed).permutation(10).tolist()) for seed in range(3)]
    return [
        {
            "order": list(order),
            "rank_correlation": {
                key: rank_correlation(values)
                for key, values in measure_levels(
                    images,
                    labels,
                    instruments,
                    functools.partial(dropped_classes, order=order),
                    range(10),
                    "orders",
                ).items()
            },
        }
        for order in orders
    ]


def measure_landmarks(train, instruments):
    """Return the floor over five disjoint draws, and images without any structure."""
    draws = [train.images[stratified_draw(train, index, 1_000)] for index in range(5)]
    noise = np.random.default_rng(0).integers(0, 256, draws[0].shape, dtype=np.uint8)
    black = np.zeros_like(noise)
    landmarks = {}
    for key, fid in instruments.items():
        floor = [fid(images) for images in draws]
        landmarks[key] = {
            "floor": floor,
            "floor_mean": float(np.mean(floor)),
            "floor_standard_deviation": float(np.std(floor, ddof=1)),
            "uniform_noise": fid(noise),
            "black": fid(black),
            "mirrored": fid(draws[0][:, :, ::-1]),
        }
    return landmarks


def describe_extractor(extractor, test):
    start = time.perf_counter()
    _, predicted = extractor.features_and_predictions(test.images)
    accuracy = None if predicted is None else float((predicted == test.labels).mean())
    return {
        "name": extractor.name,
        "sha256": extractor.sha256,
        "dimensions": int(extractor.features(test.images[:1]).shape[1]),
        "test_accuracy": accuracy,
        "seconds_for_10000_images": time.perf_counter() - start,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=REPORT)
    out = parser.parse_args().out
    dataset = load_fashion_mnist()
    file = out / "results.json"
    results = read_json(file) if file.exists() else {}
    extractors = [*map(load_extractor, JUDGES + WITNESSES), load_second_extractor()]
    instruments = {e.name: Instrument(e, dataset.validation) for e in extractors}
    rows = stratified_draw(dataset.train, 0, 1_000)
    images, labels = dataset.train.images[rows], dataset.train.labels[rows]
    results |= {"reference": dataset.validation.name, "num_images": len(images)}
    results["extractors"] = {e.name: describe_extractor(e, dataset.test) for e in extractors}
    results["disturbances"] = measure_disturbances(
        images,
        labels,
        instruments,
        results.get("disturbances", {}),
        lambda found: write_json(file, results | {"disturbances": found}),
    )
    landmarks = results.setdefault("landmarks", {})
    missing = {key: each for key, each in instruments.items() if key not in landmarks}
    landmarks |= measure_landmarks(dataset.train, missing)
    if "class_orders" not in results:
        results["class_orders"] = measure_class_orders(images, labels, instruments)
    write_json(out / "results.json", results)
    draw_curves(results["disturbances"], list(instruments)).save(out / "curves.png")
    write_text(out / "README.md", describe(results))


if __name__ == "__main__":
    main()
