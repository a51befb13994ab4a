r"""Make a table of real learning curves: `python -m benchmarks.learning_curves`.

Eighty configurations, spread evenly over the default space, are trained to 5 and 25 thousand
images; the best 24 of them go on to 125, the best 8 of these to 625. Each averaged generator is
scored by every judge and by an extractor that is held back from all choices, with what each part
cost in processor time; and at the first two marks also by cheaper measures of fewer images.

Written into reports/learning_curves/curves.json, one line a configuration, as it comes: the same
command goes on after an interruption. Some hours of one core, so give it the rest of the machine:

    nice -n 19 python -m benchmarks.learning_curves
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from benchmarks.ablation import HELD_BACK
from benchmarks.kept_generators import sampled, train
from harness.core.files import read_json, write_text

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "reports" / "learning_curves" / "curves.json"
COUNT = 80
STAGES = (((5, 25), COUNT), ((125,), 24), ((625,), 8))
"""Marks in kimg, and how many configurations are trained to them: the best at the mark before."""
NUM_IMAGES = 10_000
FEWER = (1_000, 2_500, 5_000)
FEWER_UNTIL = 25
DIRECTIONS = 500


class Measure:
    """Score images by FID under several extractors, and by cheaper measures of fewer of them."""

    def __init__(self, dataset):
        from harness.metrics.extractors.feature_extractor import load_extractor
        from harness.metrics.extractors.panel import JUDGES
        from harness.metrics.fid import GaussianStatistics
        from harness.metrics.label_policy import draw_labels
        from tests.extractors.residual import load_second_extractor

        self.labels = draw_labels(dataset.validation.labels, NUM_IMAGES)
        self.extractors = [*map(load_extractor, JUDGES), load_second_extractor()]
        self._real = {e.name: e.features(dataset.validation.images) for e in self.extractors}
        self._reference = {
            name: GaussianStatistics.from_features(features)
            for name, features in self._real.items()
        }

    def __call__(self, images, *, fewer):
        """Return FIDs by extractor, processor seconds by extractor, and what fewer images say."""
        from harness.metrics.fid import GaussianStatistics, frechet_distance

        fids, seconds, cheap = {}, {}, {}
        for extractor in self.extractors:
            name = extractor.name
            began = time.process_time()
            features = extractor.features(images)
            statistics_ = GaussianStatistics.from_features(features)
            fids[name] = round(frechet_distance(self._reference[name], statistics_), 5)
            seconds[name] = round(time.process_time() - began, 2)
            if fewer and name != HELD_BACK:
                for count in FEWER:
                    some = features[:: len(features) // count]
                    for metric, value in self._of_fewer(name, some).items():
                        cheap.setdefault(f"{metric}@{count}", {})[name] = round(value, 6)
        return fids, seconds, cheap

    def _of_fewer(self, name, features):
        from harness.metrics.fid import GaussianStatistics, frechet_distance
        from harness.metrics.kid import kernel_distance

        of_features = GaussianStatistics.from_features(features)
        return {
            "fid": frechet_distance(self._reference[name], of_features),
            "kid": kernel_distance(self._real[name][:: 10_000 // len(features)], features)[0],
            "mind": sliced_distance(self._real[name], features),
        }


def sliced_distance(real, fake):
    """Return the mean squared 2-Wasserstein distance over random directions; lower is better.

    Args:
        real: Features, (n, d).
        fake: Features, (m, d), m at most n.

    References:
        Berthet et al. 2026, arXiv 2605.06797 (MIND), with directions that are the same each time.
    """
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((real.shape[1], DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    ranks = (np.arange(len(fake)) + 0.5) / len(fake)
    below = np.sort(real @ directions, axis=0)
    quantiles = below[np.minimum((ranks * len(real)).astype(int), len(real) - 1)]
    return float(np.square(np.sort(fake @ directions, axis=0) - quantiles).mean())


def chosen(curves, names, marks, count):
    """Return the names to train to a stage's marks: the best at the mark before it."""
    from benchmarks.panel_agreement import JUDGES, panel_value

    if marks == STAGES[0][0]:
        return names
    before = str(max(m for stage, _ in STAGES for m in stage if m < marks[0]))
    reached = [name for name in names if before in curves[name]["marks"]]
    return sorted(reached, key=lambda name: panel_value(curves[name]["marks"][before], JUDGES))[
        :count
    ]


def write(curves):
    """Write the table, a line a configuration."""
    from harness.metrics.extractors.panel import JUDGES

    head = {
        "space": "default",
        "sampled": "evenly, by a scrambled Sobol sequence",
        "dataset": "fashion_mnist, trained on train, scored against validation",
        "num_images": NUM_IMAGES,
        "judges": JUDGES,
        "held_back": HELD_BACK,
        "seconds": "processor seconds of one thread",
    }
    lines = ",\n".join(f"{json.dumps(n)}: {json.dumps(curves[n])}" for n in sorted(curves))
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    write_text(TABLE, f'{{"protocol": {json.dumps(head)},\n"curves": {{\n{lines}\n}}}}\n')


def main():
    """Train and score what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generators", type=Path, default=Path("studies/generators"))
    folder = parser.parse_args().generators
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import keras
    import tensorflow as tf

    import harness.gan.trainer  # noqa: F401  (before TensorFlow is used)

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from harness.data.datasets import load_dataset
    from harness.gan.sampling import Sampler, load_generator

    folder.mkdir(parents=True, exist_ok=True)
    dataset = load_dataset("fashion_mnist")
    measure = Measure(dataset)
    configs = sampled(COUNT)
    curves = read_json(TABLE)["curves"] if TABLE.exists() else {}
    known = [mark for stage, _ in STAGES for mark in stage]
    for marks, count in STAGES:
        for name in chosen(curves, list(configs), marks, count):
            config = configs[name]
            until = [mark for mark in known if mark <= marks[-1]]
            curve = curves.setdefault(
                name,
                {
                    "family": config.family,
                    "config": config.model_dump(mode="json", exclude_defaults=True),
                    "marks": {},
                },
            )
            if all(str(mark) in curve["marks"] for mark in marks) or curve.get("failed"):
                continue
            keras.backend.clear_session()
            made = train(name, config, until, folder, dataset)
            for mark in marks:
                if str(mark) not in made["marks"]:
                    curve["failed"] = f"not finite before {mark} kimg"
                    break
                began = time.process_time()
                sampler = Sampler(load_generator(folder / f"{name}-{mark:04d}.keras"))
                images = sampler.sample(noise_seed=7, labels=measure.labels)
                sampling = round(time.process_time() - began, 2)
                fids, seconds, cheap = measure(images, fewer=mark <= FEWER_UNTIL)
                curve["marks"][str(mark)] = {
                    **made["marks"][str(mark)],
                    "sample_seconds": sampling,
                    "score_seconds": seconds,
                    "fid": fids,
                    **({"fewer": cheap} if cheap else {}),
                }
            write(curves)
            print(name, {m: found["fid"] for m, found in curve["marks"].items()}, flush=True)


if __name__ == "__main__":
    main()
