"""Describe both networks of a training: how their weights lie, and how long gradients are."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.core.events import Histogram, Inspection
from harness.gan.trainer import Trainer

_BINS = 64


def inspect(trainer: Trainer) -> Inspection:
    """Return histograms of the weights and norms of the gradients; the training stays as it is.

    The gradients are those of one batch, penalties included, before any clipping.

    Args:
        trainer: Stands still between two calls of `advance`.
    """
    gradients = trainer.gradients()
    squares = {
        name: float(np.sum(np.square(each, dtype=np.float64))) for name, each in gradients.items()
    }
    norms = {name: math.sqrt(square) for name, square in squares.items()}
    for network in ("generator", "discriminator"):
        own = [square for name, square in squares.items() if name.startswith(f"{network}/")]
        norms[network] = math.sqrt(math.fsum(own))
    state = trainer.state()
    return Inspection({name: histogram(state[name]) for name in gradients}, norms)


def histogram(values: NDArray[np.floating]) -> Histogram:
    """Return how values lie between their extremes; those that are not finite are left out."""
    counts, edges = np.histogram(values[np.isfinite(values)], bins=_BINS)
    return Histogram(float(edges[0]), float(edges[-1]), tuple(counts.tolist()))
