"""Measure training speed side by side: two customary loops, ours, and two of ours at once.

python benchmarks/throughput.py [--widths 16 32] [--steps 60] [--rounds 5]

All train the same small DCGAN (batch 128, float32) by the same rule: D on 128 real and 128
generated images, then G on 128 fresh ones. Real images a second; the loops take turns, so that
whatever else the machine does hits all alike, and the median over the rounds counts. Where the
machine is not idle, the best turn and the CPU time an image (all threads) say more.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import build_generator
from harness.gan.trainer import Trainer

BATCH = 128
SHAPE = (28, 28, 1)
LATENT = 64
KERNEL_SIZE = 4  # a multiple of the stride, so that transposed convolutions overlap evenly
Loop = Callable[[int], tuple[float, float]]  # steps -> images a second, CPU seconds an image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--steps", type=int, default=60, help="steps a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(arguments.worker)
        return
    for width in arguments.widths:
        compare(width, arguments.steps, arguments.rounds)


def compare(width: int, steps: int, rounds: int) -> None:
    """Let the four loops take turns and print their medians."""
    loops: dict[str, Loop] = {
        "train_on_batch": train_on_batch(width),
        "fit with tf.data": fit(width),
        "ours": ours(width),
        "two of ours, one thread each": two_of_ours(width),
    }
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            results[name].append(loop(steps))
    rates = {name: statistics.median(r for r, _ in turns) for name, turns in results.items()}
    slowest, fit_rate = rates["train_on_batch"], rates["fit with tf.data"]
    print(f"\nwidth {width}, batch {BATCH}, median of {rounds} turns of {steps} steps")
    print(f"{'images/s:':30}{'median':>10}{'x first':>9}{'x second':>10}{'best':>9}{'CPU us':>9}")
    for name, rate in rates.items():
        best = max(r for r, _ in results[name])
        cpu = 1e6 * statistics.median(c for _, c in results[name])
        ratios = f"{rate / slowest:9.2f}{rate / fit_rate:10.2f}"
        print(f"{name:30}{rate:10,.0f}{ratios}{best:9,.0f}{cpu:9.0f}")


def build_config(width: int) -> GANConfig:
    return GANConfig.model_validate(
        {
            "conditional": False,
            "batch_size": BATCH,
            "generator": {
                "width": width,
                "depth": 1,
                "latent_dim": LATENT,
                "kernel_size": KERNEL_SIZE,
            },
            "discriminator": {"width": width, "kernel_size": KERNEL_SIZE},
            "ema": {"half_life_kimg": 0},
        }
    )


def random_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60_000, *SHAPE), dtype=np.uint8)


def adam() -> keras.optimizers.Adam:
    return keras.optimizers.Adam(1e-3, beta_1=0.5)


def cross_entropy() -> keras.losses.Loss:
    return keras.losses.BinaryCrossentropy(from_logits=True)


def measure(run: Callable[[], Any], images: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return images / (time.perf_counter() - wall), (time.process_time() - cpu) / images


def train_on_batch(width: int) -> Loop:
    """Train as the mlp_cgan notebook does: compiled D, combined model with D frozen."""
    config = build_config(width)
    generator = build_generator(config, SHAPE, 0)
    discriminator = build_discriminator(config, SHAPE, 0)
    discriminator.compile(optimizer=adam(), loss=cross_entropy())
    noise = keras.Input((LATENT,))
    combined = keras.Model(noise, discriminator({"image": generator({"noise": noise})}))
    combined.compile(optimizer=adam(), loss=cross_entropy())
    images = (random_images().astype(np.float32) - 127.5) / 127.5
    ones, zeros = np.ones((BATCH, 1)), np.zeros((BATCH, 1))
    rng = np.random.default_rng(1)

    def step() -> None:
        real = images[rng.integers(0, len(images), BATCH)]
        # Keras reads `trainable` when it compiles a train step, which it does once for each.
        discriminator.trainable = True
        discriminator.train_on_batch({"image": real}, ones)
        drawn = rng.normal(size=(BATCH, LATENT)).astype(np.float32)
        fake = generator.predict({"noise": drawn}, batch_size=BATCH, verbose=0)
        discriminator.train_on_batch({"image": fake}, zeros)
        discriminator.trainable = False
        combined.train_on_batch(rng.normal(size=(BATCH, LATENT)).astype(np.float32), ones)

    def loop(steps: int) -> tuple[float, float]:
        return measure(lambda: [step() for _ in range(steps)], steps * BATCH)

    loop(3)
    return loop


class FitGAN(keras.Model):
    """Train as the FashionGAN notebooks do: a train_step under fit, D called twice.

    Without batch normalization in D, two calls and one joint batch are the same rule.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        config = build_config(width)
        self.generator = build_generator(config, SHAPE, 0)
        self.discriminator = build_discriminator(config, SHAPE, 0)
        self.generator_optimizer, self.discriminator_optimizer = adam(), adam()
        self.cross_entropy = cross_entropy()

    def train_step(self, real: Any) -> dict[str, Any]:
        fake = self.generator({"noise": tf.random.normal((BATCH, LATENT))}, training=True)
        targets = tf.concat([tf.ones((BATCH, 1)), tf.zeros((BATCH, 1))], axis=0)
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            real_logits = self.discriminator({"image": real}, training=True)
            fake_logits = self.discriminator({"image": fake}, training=True)
            loss = self.cross_entropy(targets, tf.concat([real_logits, fake_logits], axis=0))
        gradients = tape.gradient(loss, variables)
        self.discriminator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        variables = self.generator.trainable_variables
        with tf.GradientTape() as tape:
            fake = self.generator({"noise": tf.random.normal((BATCH, LATENT))}, training=True)
            logits = self.discriminator({"image": fake}, training=True)
            generator_loss = self.cross_entropy(tf.ones((BATCH, 1)), logits)
        gradients = tape.gradient(generator_loss, variables)
        self.generator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return {"discriminator_loss": loss, "generator_loss": generator_loss}


class Stopwatch(keras.callbacks.Callback):
    """Start after the first batches, which wait for the shuffle buffer to fill."""

    skipped = 5

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == self.skipped - 1:
            self.cpu, self.wall = time.process_time(), time.perf_counter()


def fit(width: int) -> Loop:
    data = tf.data.Dataset.from_tensor_slices(random_images())
    data = data.map(lambda image: tf.cast(image, tf.float32) / 127.5 - 1.0).cache()
    data = data.shuffle(60_000).batch(BATCH, drop_remainder=True).repeat().prefetch(64)
    model = FitGAN(width)
    model.compile()
    watch = Stopwatch()

    def loop(steps: int) -> tuple[float, float]:
        steps_with_start = steps + watch.skipped
        model.fit(
            data, steps_per_epoch=steps_with_start, verbose=0, callbacks=[watch], shuffle=False
        )
        images = steps * BATCH
        wall, cpu = time.perf_counter() - watch.wall, time.process_time() - watch.cpu
        return images / wall, cpu / images

    loop(3)
    return loop


def ours(width: int) -> Loop:
    trainer = Trainer(build_config(width), random_images())
    trainer.advance(3)
    return lambda steps: measure(lambda: trainer.advance(steps), steps * BATCH)


def two_of_ours(width: int) -> Loop:
    command = [sys.executable, __file__, "--worker", str(width)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for worker in workers:
        read_line(worker)

    def loop(steps: int) -> tuple[float, float]:
        for worker in workers:
            print(steps, file=worker.stdin, flush=True)
        answers = [[float(part) for part in read_line(worker).split()] for worker in workers]
        return sum(rate for rate, _ in answers), sum(cpu for _, cpu in answers) / 2

    return loop


def read_line(worker: "subprocess.Popen[str]") -> str:
    line = worker.stdout.readline() if worker.stdout else ""
    if not line:
        sys.exit("A worker of the benchmark ended early; its message stands above.")
    return line


def serve(width: int) -> None:
    """Train on one thread whenever a number of steps arrives, until the input ends."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    loop = ours(width)
    print("ready", flush=True)
    for line in sys.stdin:
        rate, cpu = loop(int(line))
        print(rate, cpu, flush=True)


if __name__ == "__main__":
    main()
