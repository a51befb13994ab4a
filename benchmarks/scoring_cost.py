"""Measure what scores cost, by one judge and by the panel: `python -m benchmarks.scoring_cost`.

Processor seconds of one thread for a score of images that are there already, in turns, medians;
and what the scores of the default study take then, by how many trials reach each rung. Written
into reports/panel/cost.json, from which `benchmarks.panel_agreement --tables` makes a paragraph.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from harness.core.files import write_json

REPORT = Path(__file__).parents[1] / "reports" / "panel"
TRIALS = 50
NUM_IMAGES = 10_000


def measure(turns):
    """Return the median seconds of a score by what gives it, measured in turns."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from harness.data.datasets import load_dataset
    from harness.metrics.evaluator import Evaluator
    from harness.space.space import SearchSpace

    dataset = load_dataset("fashion_mnist")
    panel = Evaluator(dataset, num_images=NUM_IMAGES)
    few = SearchSpace.load("default").protocol.first_images
    evaluators = {
        "one": Evaluator(dataset, extractor="fashion_cnn", num_images=NUM_IMAGES),
        "panel": panel,
        "panel_first": panel.with_images(few),
    }
    seconds = {name: [] for name in evaluators}
    for turn in range(turns + 1):
        for name, evaluator in evaluators.items():
            images = dataset.test.images[: evaluator.num_images]
            began = time.process_time()
            evaluator.score(images, kimg=0, noise_seed=0)
            if turn:  # the first one compiles
                seconds[name].append(time.process_time() - began)
    return {name: round(statistics.median(each), 3) for name, each in seconds.items()} | {
        "first_images": few
    }


def study_seconds(costs, trials=TRIALS):
    """Return what all scores of a default study take, by one extractor and by the panel."""
    from harness.diagnosis.cost import trials_at_rungs
    from harness.space.space import SearchSpace

    reached = trials_at_rungs(SearchSpace.load("default"), trials)
    later = sum(reached[1:]) + reached[-1]  # those that complete get a final score
    return {
        "one": round((reached[0] + later) * costs["one"], 1),
        "panel": round(reached[0] * costs["panel_first"] + later * costs["panel"], 1),
    }


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    costs = measure(turns)
    record = {"seconds": costs, "study": study_seconds(costs), "trials": TRIALS}
    write_json(REPORT / "cost.json", record)
    print(record)


if __name__ == "__main__":
    main()
