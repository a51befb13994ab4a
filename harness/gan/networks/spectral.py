"""Divide the discriminator's kernels by their largest singular value inside the forward pass.

Keras's own SpectralNormalization overwrites the kernel at each training call instead: no gradient
flows through the division, and after the optimizer's step the kernel in use has another norm. It
would also iterate in the generator's update.
"""

from typing import Any

import keras
from keras import ops

_SQUARINGS = 6
_SMALL = 128
_ITERATIONS = 10
"""Power iteration follows each update of D. It takes 2^6 steps at once, by squaring W'W or WW' six
times, where the smaller side of W is at most 128, and 10 steps one by one elsewhere. Miyato et al.
take one, which loses the largest singular value for a while when another overtakes it; among the
nearly equal ones of a wide label embedding 10 are too few as well, and a step moves them by 7 %.
"""

_FIRST_ITERATIONS = 10
"""How often that is repeated in a new network, whose direction starts anywhere."""


class _Spectral:
    """A mixin that gives a Keras layer a normalized kernel in place of the one it trains.

    The kernel's last axis counts the outputs, the others together the inputs. The layer's call
    reads `normalized` by Keras's name for it; `raw` is the variable that is trained.

    References:
        Miyato et al. 2018, arXiv 1802.05957, algorithm 1. We keep their v, of the outputs, and
        compute their u from it.
    """

    raw: Any
    direction: Any

    def build(self, input_shape: Any = None) -> None:
        """Create the variables, and the estimate of the kernel's first right singular vector."""
        layer: Any = self
        super().build(input_shape)  # type: ignore[misc]
        self.raw = layer.weights[0]  # a bias follows
        outputs = self.raw.shape[-1]
        self.direction = layer.add_weight(
            shape=(outputs, 1),
            initializer=keras.initializers.Constant(outputs**-0.5),
            trainable=False,
            autocast=False,
            name="direction",
        )

    @property
    def normalized(self) -> Any:
        """Return the normalized kernel."""
        # |W v| for a constant unit v: its gradient is u v', as that of u' W v is.
        layer: Any = self
        raw = ops.cast(self.raw.value, "float32")
        matrix = ops.reshape(raw, (-1, raw.shape[-1]))
        length = ops.norm(ops.matmul(matrix, self.direction.value))
        return ops.cast(raw / ops.maximum(length, 1e-12), layer.compute_dtype)

    def iterate_power(self) -> None:
        """Run power iteration from the last direction on: v becomes (W'W)^k v, of length 1."""
        matrix = ops.reshape(self.raw.value, (-1, self.raw.shape[-1]))
        direction = self.direction.value
        if min(matrix.shape) <= _SMALL:
            self.direction.assign(_unit(_many_steps(matrix, direction), direction))
            return
        for _ in range(_ITERATIONS):
            direction = _unit(
                _transposed_product(matrix, ops.matmul(matrix, direction)), direction
            )
        self.direction.assign(direction)

    def save_own_variables(self, store: Any) -> None:
        """Save what is trained; the layers below would save the normalized kernel."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` has saved."""
        keras.layers.Layer.load_own_variables(self, store)


def _many_steps(matrix: Any, direction: Any) -> Any:
    """Return (W'W)^k v for a k of at least 2^_SQUARINGS, up to a factor."""
    rows, columns = matrix.shape
    wide = rows < columns
    power = (
        ops.matmul(matrix, ops.transpose(matrix)) if wide else _transposed_product(matrix, matrix)
    )
    for _ in range(_SQUARINGS):
        power = power / ops.maximum(ops.norm(power), 1e-30)
        power = ops.matmul(power, power)
    if not wide:
        return ops.matmul(power, direction)
    # W'(WW')^k W v is (W'W)^(k + 1) v.
    return _transposed_product(matrix, ops.matmul(power, ops.matmul(matrix, direction)))


def _transposed_product(matrix: Any, other: Any) -> Any:
    return ops.matmul(ops.transpose(matrix), other)


def _unit(vector: Any, otherwise: Any) -> Any:
    """Return a vector of length 1; a kernel of zeros has no direction to find."""
    length = ops.norm(vector)
    return ops.where(length > 0, vector / ops.maximum(length, 1e-30), otherwise)


@keras.saving.register_keras_serializable("harness")
class SpectralConv2D(_Spectral, keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution with a spectrally normalized kernel."""

    kernel = _Spectral.normalized


@keras.saving.register_keras_serializable("harness")
class SpectralDense(_Spectral, keras.layers.Dense):  # type: ignore[misc]
    """A dense layer with a spectrally normalized kernel."""

    kernel = _Spectral.normalized


@keras.saving.register_keras_serializable("harness")
class SpectralEmbedding(_Spectral, keras.layers.Embedding):  # type: ignore[misc]
    """An embedding with a spectrally normalized matrix."""

    embeddings = _Spectral.normalized


SPECTRAL_LAYERS: dict[type, Any] = {
    keras.layers.Conv2D: SpectralConv2D,
    keras.layers.Dense: SpectralDense,
    keras.layers.Embedding: SpectralEmbedding,
}


def spectrally_normalized(model: keras.Model, *, embeddings: bool) -> keras.Model:
    """Return the same network with fresh weights and normalized kernels.

    Args:
        model: From Keras layers.
        embeddings: Whether to normalize embeddings too, which bounds the slope where they
            multiply features, and only fades the label where they stand beside the image.
    """

    def replace(layer: Any) -> Any:
        kind = SPECTRAL_LAYERS.get(type(layer), type(layer))
        if kind is SpectralEmbedding and not embeddings:
            kind = keras.layers.Embedding
        return kind.from_config(layer.get_config())

    normalized = keras.models.clone_model(model, clone_function=replace)
    for _ in range(_FIRST_ITERATIONS):
        iterate_power(normalized)
    return normalized


def iterate_power(model: keras.Model) -> None:
    """Run power iteration in every normalized layer of a model, if there is one."""
    for layer in model.layers:
        if isinstance(layer, _Spectral):
            layer.iterate_power()
