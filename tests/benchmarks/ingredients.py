"""Measure what ingredients cost in speed: each beside a small DCGAN without it.

python tests/benchmarks/ingredients.py [--width 16] [--steps 40] [--rounds 5] [--only NAME ...]

Ingredients take turns with the plain network, so that whatever else the machine does hits all
alike. Printed are the medians over the rounds of real images a second and of their ratio to the
plain network's turn of the same round, and the same ratio of CPU time (all threads), which says
more on a machine that is not idle.
"""

import argparse
import os
import statistics
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from harness.gan.config import GANConfig
from harness.gan.trainer import Trainer

BATCH = 64
INGREDIENTS: dict[str, dict[str, Any]] = {
    "translation 0.125": {"augment": {"translation": 0.125}},
    "cutout 0.5": {"augment": {"cutout": 0.5}},
    "brightness 0.25": {"augment": {"brightness": 0.25}},
    "all three": {"augment": {"translation": 0.125, "cutout": 0.5, "brightness": 0.25}},
    "saturation and contrast": {"augment": {"saturation": 1.0, "contrast": 0.5}},
    "instance noise": {"augment": {"noise": 0.1, "noise_kimg": 1000.0}},
    "label noise": {"loss": {"label_noise": 0.1}},
    "adamw": {"optimizer": {"name": "adamw", "weight_decay": 0.01}},
    "rmsprop": {"optimizer": {"name": "rmsprop"}},
    "clipping": {"optimizer": {"clip_norm": 1.0}},
    "cosine schedule": {"schedule": {"name": "cosine", "decay_kimg": 1000.0}},
    "no EMA": {"ema": {"half_life_kimg": 0.0}},
    "EMA ramp": {"ema": {"ramp": 0.05}},
    "simultaneous": {"update": {"order": "simultaneous"}},
    "bfloat16": {"precision": "bfloat16"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40, help="steps a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(INGREDIENTS), default=list(INGREDIENTS))
    arguments = parser.parse_args()
    plain = build({}, arguments.width)
    print(f"width {arguments.width}, batch {BATCH}, median of {arguments.rounds} turns")
    print(f"{'':26}{'images/s':>10}{'x plain':>9}{'x plain, CPU':>14}")
    for name in arguments.only:
        trainer = build(INGREDIENTS[name], arguments.width)
        turns = [
            (measure(plain, arguments.steps), measure(trainer, arguments.steps))
            for _ in range(arguments.rounds)
        ]
        rate = statistics.median(mine[0] for _, mine in turns)
        ratio = statistics.median(mine[0] / other[0] for other, mine in turns)
        cpu = statistics.median(other[1] / mine[1] for other, mine in turns)
        print(f"{name:26}{rate:10,.0f}{ratio:9.2f}{cpu:14.2f}", flush=True)


def build(changes: dict[str, Any], width: int) -> Trainer:
    """Return a small DCGAN that has compiled its step."""
    content: dict[str, Any] = {
        "conditional": False,
        "batch_size": BATCH,
        "generator": {"width": width, "depth": 1, "kernel_size": 4},
        "discriminator": {"width": width, "kernel_size": 4},
    }
    images = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), dtype=np.uint8)
    trainer = Trainer(GANConfig.model_validate(content | changes), images)
    trainer.advance(5)
    return trainer


def measure(trainer: Trainer, steps: int) -> tuple[float, float]:
    """Return images a second of wall time, and CPU seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    trainer.advance(steps)
    return steps * BATCH / (time.perf_counter() - wall), time.process_time() - cpu


if __name__ == "__main__":
    main()
