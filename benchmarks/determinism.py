"""Measure what `deterministic: true` costs: `python -m benchmarks.determinism --rounds 5`.

Two processes, one with TensorFlow's deterministic operations, train the same small DCGAN in turns
with one thread each; the figure is the median of the rounds' ratios.
"""

import argparse
import multiprocessing
import statistics
import time

from harness.gan.config.config import GANConfig

CONFIG = {
    "batch_size": 32,
    "generator": {"width": 16, "depth": 1, "kernel_size": 4, "embedding_dim": 16},
    "discriminator": {"width": 16, "kernel_size": 4, "dropout": 0.2},
}


def serve(connection, deterministic):
    """Train so many steps as asked for, and send back the seconds."""
    import tensorflow as tf

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from harness.data.datasets import load_dataset
    from harness.gan.trainer import Trainer

    train = load_dataset("fashion_mnist").train
    trainer = Trainer(GANConfig.model_validate(CONFIG), train.images, train.labels, 10)
    trainer.advance(10)
    while steps := connection.recv():
        began = time.monotonic()
        trainer.advance(steps)
        connection.send(time.monotonic() - began)


def main():
    """Print images per second with and without, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    connections = []
    for deterministic in (False, True):
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, deterministic), daemon=True).start()
        connections.append(ours)
    rates = []
    for number in range(options.rounds + 1):
        pair = []
        for connection in connections:
            connection.send(options.steps)
            pair.append(options.steps * CONFIG["batch_size"] / connection.recv())
        if number:  # the first round waits for both to compile
            rates.append(pair)
            print(f"free {pair[0]:,.0f} images/s, deterministic {pair[1]:,.0f}", flush=True)
    ratio = statistics.median(pair[1] / pair[0] for pair in rates)
    print(f"deterministic: {ratio:.3f} times the speed, median of {options.rounds} rounds")
    for connection in connections:
        connection.send(0)


if __name__ == "__main__":
    main()
