"""Compute the same networks faster on a CPU: twins that share every variable with the original.

The gradient of a strided convolution with respect to its input, which is also the forward pass of
a transposed convolution, is slow in oneDNN where it ends in few channels, as images have. The same
sums are one ordinary convolution to four times the channels, one set for each parity of row and
column, whose results interleave. Saved models never see this: they keep the Keras layers.
"""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.gan.networks.spectral import SpectralConv2D

# Measured with 5x5 kernels: 3 times faster at 1 channel, no longer faster above about 32, where
# the zeros among the picked kernel rows cost more than oneDNN loses.
_MOST_CHANNELS = 16


def fast_convolutions(model: keras.Model) -> keras.Model:
    """Return a model that shares the layers and variables of `model` and trains faster.

    Results agree to float32 rounding. Use it to train, and the original to save.

    Args:
        model: From `build_generator` or `build_discriminator`.
    """
    return keras.models.clone_model(model, clone_function=_replacement)


def interleaved_transpose(x: Any, kernel: Any) -> Any:
    """Return the transposed convolution of stride 2 and padding `same`, without its bias.

    Row 2q + r of the result sums x[q + j] kernel[r + p - 2j] over j, with p = (k - 2) // 2: each
    parity r is an ordinary convolution of x with every other kernel row. Columns likewise.

    Args:
        x: (n, h, w, channels in).
        kernel: (k, k, channels out, channels in), k at least 2.

    Returns:
        Tensor (n, 2h, 2w, channels out).
    """
    size, _, channels_out, channels_in = kernel.shape
    pad = (size - 2) // 2
    first, last = -((size - 1 - pad) // 2), (pad + 1) // 2
    rows = np.array([[r + pad - 2 * j for r in (0, 1)] for j in range(first, last + 1)]).ravel()
    rows[(rows < 0) | (rows >= size)] = size  # a row of zeros
    taps = last - first + 1
    padded = tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])
    picked = tf.gather(tf.gather(padded, rows, axis=0), rows, axis=1)
    split = tf.reshape(picked, (taps, 2, taps, 2, channels_out, channels_in))
    phases = tf.reshape(
        tf.transpose(split, (0, 2, 5, 1, 3, 4)), (taps, taps, channels_in, 4 * channels_out)
    )
    margins = [[0, 0], [-first, last], [-first, last], [0, 0]]
    return tf.nn.depth_to_space(tf.nn.conv2d(x, phases, 1, margins), 2)


def transposed_convolution(x: Any, kernel: Any) -> Any:
    """Return `interleaved_transpose`, with the usual convolutions for its gradients."""
    return _traced(_transposed, _spec(x), _spec(kernel))(x, kernel)


def strided_convolution(x: Any, kernel: Any) -> Any:
    """Return the convolution of stride 2 and padding `same`, fast in its gradient by x.

    Args:
        x: (n, h, w, channels in), h and w even.
        kernel: (k, k, channels in, channels out).
    """
    return _traced(_strided, _spec(x), _spec(kernel))(x, kernel)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _transposed(x: Any, kernel: Any) -> Any:
    def gradient(upstream: Any) -> tuple[Any, Any]:
        by_x = tf.nn.conv2d(upstream, kernel, 2, "SAME")
        return by_x, _kernel_gradient(upstream, kernel, x)

    return interleaved_transpose(x, kernel), gradient


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _strided(x: Any, kernel: Any) -> Any:
    def gradient(upstream: Any) -> tuple[Any, Any]:
        return interleaved_transpose(upstream, kernel), _kernel_gradient(x, kernel, upstream)

    return tf.nn.conv2d(x, kernel, 2, "SAME"), gradient


@functools.cache
def _traced(function: Any, *specs: tf.TensorSpec) -> Any:
    """Return a function of its own graph, made once for all trainings of such shapes.

    TensorFlow keeps every use of a custom gradient in a graph for ever, and that graph with it:
    without this, each training would leave its whole graph and data behind.
    """
    with tf.init_scope():
        return tf.function(function, autograph=False).get_concrete_function(*specs)


def _spec(tensor: Any) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


class _Convolution(keras.layers.Layer):  # type: ignore[misc]
    """A layer that calls one of the functions above with the variables of a Keras layer."""

    def __init__(self, original: Any, function: Any) -> None:
        super().__init__(name=f"{original.name}_fast")
        self.original = original
        self.function = function
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return what the original layer would."""
        # In bfloat16 a kernel that the original computes is still float32.
        kernel = tf.cast(tf.convert_to_tensor(self.original.kernel), inputs.dtype)
        outputs = self.function(inputs, kernel)
        if self.original.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(self.original.bias))
        return self.original.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the original layer's output shape."""
        return self.original.compute_output_shape(input_shape)


class RatedDropout(keras.layers.Layer):  # type: ignore[misc]
    """Dropout whose rate is a variable, so that another rate needs no other graph.

    Args:
        original: A Dropout of Keras; its random stream is used.
    """

    def __init__(self, original: Any) -> None:
        super().__init__(name=f"{original.name}_rated")
        self.original = original
        self.rate = tf.Variable(original.rate, dtype=tf.float32, trainable=False)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return what the original layer would."""
        if not training:
            return inputs
        drawn = keras.random.uniform(tf.shape(inputs), seed=self.original.seed_generator)
        scaled = inputs * tf.cast(1.0 / (1.0 - self.rate), inputs.dtype)
        return tf.where(drawn >= self.rate, scaled, tf.zeros_like(scaled))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape


def assign_rates(fast: keras.Model, model: keras.Model) -> None:
    """Let a twin drop out at the rates of a model of the same form as its original.

    Args:
        fast: From `fast_convolutions`.
        model: With layers of the same names as the original.
    """
    for layer in fast.layers:
        if isinstance(layer, RatedDropout):
            layer.rate.assign(model.get_layer(layer.original.name).rate)


def _replacement(layer: Any) -> Any:
    if type(layer) is keras.layers.Dropout and layer.noise_shape is None:
        return RatedDropout(layer)
    if type(layer) is keras.layers.Conv2DTranspose and _suits(layer, layer.filters):
        return _Convolution(layer, transposed_convolution)
    if type(layer) in (keras.layers.Conv2D, SpectralConv2D):
        height, width, channels = layer.input.shape[1:]
        if _suits(layer, channels) and height % 2 == width % 2 == 0:
            return _Convolution(layer, strided_convolution)
    return layer


def _suits(layer: Any, channels: int) -> bool:
    return (
        tuple(layer.strides) == (2, 2)
        and layer.padding == "same"
        and min(layer.kernel_size) >= 2
        and channels <= _MOST_CHANNELS
    )


def _kernel_gradient(x: Any, kernel: Any, upstream: Any) -> Any:
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x,
        filter_sizes=kernel.shape,
        out_backprop=upstream,
        strides=[1, 2, 2, 1],
        padding="SAME",
    )
