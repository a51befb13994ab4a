"""A search space of tiny GANs, and a configuration for each way in which a trial ends."""

import copy
from pathlib import Path
from typing import Any

import yaml

SPACE: dict[str, Any] = {
    "name": "endings",
    "dataset": "fashion_mnist",
    "parameters": {
        "batch_size": {"value": 64},
        "generator.name": {"value": "mlp"},
        "generator.latent_dim": {"value": 8},
        "generator.embedding_dim": {"value": 4},
        "generator.width": {"value": 16},
        "generator.depth": {"value": 1},
        "generator.learning_rate": {"low": 1.0e-6, "high": 1.0e-2, "log": True},
        "discriminator.name": {"choices": ["mlp", "conv"]},
        "discriminator.padding": {"value": "valid"},
        "discriminator.widths": {"choices": [[16], [512] * 14, [4] * 6]},
        "discriminator.learning_rate": {"low": 1.0e-4, "high": 1.0, "log": True},
        "ema.half_life_kimg": {"value": 0.1},
    },
    "budget": {"rungs_kimg": [2, 4]},
    "sampler": {"name": "tpe"},
    "pruner": {"name": "successive_halving", "min_trials": 2},
    "protocol": {"extractor": "fashion_cnn", "num_images": 1000},
}
GOOD: dict[str, Any] = {
    "generator.learning_rate": 2.0e-3,
    "discriminator.name": "mlp",
    "discriminator.widths": [16],
    "discriminator.learning_rate": 2.0e-3,
}
# Trials long enough to lose something.
_MLPS = SPACE["parameters"] | {
    "generator.learning_rate": {"low": 1.0e-4, "high": 3.0e-4, "log": True},
    "discriminator.name": {"value": "mlp"},
    "discriminator.widths": {"value": [16]},
    "discriminator.learning_rate": {"low": 1.0e-4, "high": 3.0e-4, "log": True},
}
LONG = SPACE | {
    "parameters": _MLPS,
    "budget": {"rungs_kimg": [2, 1000]},
    "pruner": {"name": "none"},
}
# How each trial ends, by its number.
ENDINGS: dict[str, dict[str, Any]] = {
    "finished": GOOD,
    # Fourteen layers at a learning rate of 1 leave float32 within a few steps.
    "diverged": GOOD | {"discriminator.widths": [512] * 14, "discriminator.learning_rate": 1.0},
    # Six strides of 2 without padding need images larger than 28 pixels.
    "crashed": GOOD | {"discriminator.name": "conv", "discriminator.widths": [4] * 6},
    # So small a learning rate leaves the generator as it began.
    "outranked": GOOD | {"generator.learning_rate": 1.0e-6},
}


def write_endings(folder: Path) -> list[str]:
    """Write the space and its configurations; return the options that make a sweep of them."""
    (folder / "endings.yaml").write_text(yaml.safe_dump(SPACE, sort_keys=False))
    tries = [copy.deepcopy(ending) for ending in ENDINGS.values()]  # no aliases
    (folder / "tries.yaml").write_text(yaml.safe_dump(tries))
    return ["--search-space", "./endings.yaml", "--enqueue", "tries.yaml"]
