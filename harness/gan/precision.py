"""Let networks compute in bfloat16 while they train, and leave them float32 for all else."""

import contextlib
import math
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def computing_in(precision: str, *networks: keras.Model) -> Iterator[None]:
    """Let the layers of these networks compute in a precision: what is traced in here keeps it.

    Each layer's own policy is changed and put back, and never Keras's global one, which would leak
    into the next training of the process. Variables stay float32: layers round what they read.
    So do the layers whose output is as large as the network's, which make images and logits:
    rounding those to 8 bits of mantissa would cost a grey level, or half a percent of a loss.
    A gradient needs no loss scaling, as bfloat16 has float32's exponents.

    Args:
        precision: `float32`, which changes nothing, or `bfloat16`.
        networks: Functional models.

    References:
        Micikevicius et al. 2018, arXiv 1710.03740; Kalamkar et al. 2019, arXiv 1905.12322.
    """
    layers = [] if precision == "float32" else [x for n in networks for x in _rounding_layers(n)]
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = keras.DTypePolicy(f"mixed_{precision}")
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def _rounding_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers that may compute in a lower precision."""
    exact = {math.prod(output.shape[1:]) for output in network.outputs}
    return [
        layer
        for layer in network.layers
        if not isinstance(layer, keras.layers.InputLayer)
        and math.prod(layer.output.shape[1:]) not in exact
    ]
