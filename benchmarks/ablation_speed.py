"""Measure what each row of the ablation costs: `python -m benchmarks.ablation_speed`.

A row and the one it is compared with take turns in one process with one thread, and what is
counted is the processor time of that process: what else the machine does hits both alike, and
little of it counts. Kept in reports/ablation/speeds.json, from which `benchmarks.ablation`
takes its last columns, are mean and standard deviation over the turns of real images a second, and
the median of their ratio to the rival's turn of the same round.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path

from benchmarks.ablation import load_rows
from harness.core.files import write_json

WARM_STEPS = 40


def measure_row(task):
    """Return a row's speed and its ratio to the rival's, measured in a process of its own."""
    name, config, rival, seconds, rounds = task
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    mine, other = build(config), build(rival)
    steps = {trainer: steps_for(trainer, seconds) for trainer in (mine, other)}
    turns = [(rate(mine, steps[mine]), rate(other, steps[other])) for _ in range(rounds)]
    own = [each for each, _ in turns]
    return name, {
        "images_per_second": statistics.mean(own),
        "deviation": statistics.stdev(own),
        "relative": statistics.median(each / others for each, others in turns),
    }


def build(config):
    """Return a trainer on the real images that has compiled its step."""
    from harness.data.datasets import load_dataset
    from harness.gan.trainer import Trainer

    train = load_dataset("fashion_mnist").train
    trainer = Trainer(config, train.images, train.labels, 10)
    trainer.advance(WARM_STEPS)
    return trainer


def steps_for(trainer, seconds):
    """Return how many steps take about so many seconds, without compiling anew."""
    began = time.process_time()
    trainer.advance(WARM_STEPS)
    return max(WARM_STEPS, round(WARM_STEPS * seconds / (time.process_time() - began)))


def rate(trainer, steps):
    """Return real images a second of processor time."""
    shown, began = trainer.kimg, time.process_time()
    trainer.advance(steps)
    return 1000 * (trainer.kimg - shown) / (time.process_time() - began)


def main():
    """Measure the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/ablation/speeds.json"))
    options = parser.parse_args()
    speeds = json.loads(options.out.read_text()) if options.out.exists() else {}
    rows = load_rows()
    tasks = [
        (name, row["config"], rows[row["against"]]["config"], options.seconds, options.rounds)
        for name, row in rows.items()
        if name not in speeds
    ]
    # A fresh process for each: nothing of one row's graphs burdens the next.
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, maxtasksperchild=1) as pool:
        for name, speed in pool.imap_unordered(measure_row, tasks, chunksize=1):
            speeds[name] = speed
            write_json(options.out, speeds)
            print(
                f"{name:40}{speed['images_per_second']:9,.0f}{speed['relative']:7.2f}", flush=True
            )


if __name__ == "__main__":
    main()
