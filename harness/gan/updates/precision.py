"""Let networks compute in bfloat16 while they train, and leave them float32 for all else."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras


@contextlib.contextmanager
def computing_in(precision: str, *networks: keras.Model) -> Iterator[None]:
    """Let the layers of these networks compute in a precision: what is traced in here keeps it.

    Each layer's own policy is changed and put back, and never Keras's global one, which would leak
    into the next training of the process. Variables stay float32: layers round what they read.
    So do the last layers, which make images and logits: rounding those to bfloat16's 8 bits of
    significand would cost a grey level, or half a percent of a loss.
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
    """Return the layers that may compute in a lower precision: all but inputs and the last."""
    exact = _last_layers(network)
    return [
        layer
        for layer in network.layers
        if layer not in exact and not isinstance(layer, keras.layers.InputLayer)
    ]


def _last_layers(network: keras.Model) -> list[Any]:
    """Return the layers with weights that make the outputs, and those that only combine these.

    A discriminator's logits may be added up or stand side by side, and meet a label's embedding
    there; what is larger than the output is a feature, no part of it.
    """
    largest = max(math.prod(output.shape[1:]) for output in network.outputs)
    calls: dict[int, tuple[Any, list[Any]]] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        inputs = keras.tree.flatten((args, kwargs))
        calls.update({id(each): (layer, inputs) for each in keras.tree.flatten(outputs)})
        return outputs

    # Keras has no public way from a tensor back to its layer: note them in another pass.
    again = keras.models.clone_model(network, clone_function=lambda x: x, call_function=call)
    found: list[Any] = []
    ahead = list(again.outputs)
    while ahead:
        layer, inputs = calls.get(id(ahead.pop()), (None, []))
        if layer is not None:
            found.append(layer)
            if not layer.weights:
                ahead += [x for x in inputs if _is_part(x, largest)]
    return found


def _is_part(tensor: Any, largest: int) -> bool:
    return isinstance(tensor, keras.KerasTensor) and math.prod(tensor.shape[1:]) <= largest
