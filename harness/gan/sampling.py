"""Sample images from a generator: fixed noise from a seed, rounded to uint8."""

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from harness.core.errors import ConfigError, StorageError, first_line
from harness.core.option_values import Noise
from harness.data.memory import check_archive
from harness.gan.networks.fast_conv import fast_convolutions

_NOISE_BLOCK = 1000
_MOVING = (
    keras.layers.Cropping2D,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Reshape,
)


class Sampler:
    """One compiled function of one batch size that turns noise into images.

    Image i depends on (noise seed, i, label i) alone: neither on the batch size nor on how many
    follow, so a larger sample begins with the smaller one.

    Args:
        generator: From `build_generator`, or loaded from a file. Later changes of its weights
            are seen.
        batch_size: Images a call; the last batch is filled up and cut.

    Raises:
        ConfigError: If the model does not take `noise`, and maybe `label`.
    """

    def __init__(self, generator: keras.Model, batch_size: int = 500) -> None:
        self.generator = generator
        self.batch_size = batch_size
        shapes = {tensor.name: tensor.shape for tensor in generator.inputs}
        if not {"noise"} <= set(shapes) <= {"noise", "label"}:
            raise ConfigError(
                f"generator: expected a model with the inputs `noise` (n, latent_dim) and maybe "
                f"`label` (n,); received {', '.join(shapes)}. Sample it yourself, and evaluate "
                f"the images as an .npz."
            )
        self.conditional = "label" in shapes
        self.latent_dim = int(shapes["noise"][-1])
        self._fast = fast_convolutions(generator)
        self._tanh = output_activation(generator) == "tanh"

    def sample(
        self, *, noise_seed: int, labels: ArrayLike | None = None, count: int | None = None
    ) -> NDArray[np.uint8]:
        """Return generated images, uint8 (n, height, width, channels).

        Args:
            noise_seed: Origin of the noise, at least 0.
            labels: Class of each image, (n,); needed where the generator is conditional, and
                otherwise only counted.
            count: Number of images, where there are no labels.

        Raises:
            ConfigError: If labels are missing, or neither or both of labels and count are given.
        """
        if (labels is None) == (count is None) or (self.conditional and labels is None):
            kind = "conditional: give labels" if self.conditional else "unconditional: give count"
            raise ConfigError(
                f"Either labels or count must be given, and this generator is {kind}; "
                f"received labels {'no' if labels is None else 'yes'}, count {count}."
            )
        classes = np.zeros(count or 0, np.int32) if labels is None else np.asarray(labels)
        total = len(classes)
        padding = -total % self.batch_size
        noise = np.pad(latent_noise(noise_seed, total, self.latent_dim), ((0, padding), (0, 0)))
        classes = np.pad(classes.astype(np.int32), (0, padding))
        images = np.empty((len(noise), *self.generator.output_shape[1:]), np.uint8)
        for start in range(0, total, self.batch_size):
            rows = slice(start, start + self.batch_size)
            images[rows] = self._call(tf.constant(noise[rows]), tf.constant(classes[rows])).numpy()
        return images[:total]

    @functools.cached_property
    def _call(self) -> Any:
        # A concrete function: TensorFlow would warn of retracing at the fifth sampler otherwise.
        return tf.function(self._generate, autograph=False).get_concrete_function(
            tf.TensorSpec((self.batch_size, self.latent_dim), tf.float32),
            tf.TensorSpec((self.batch_size,), tf.int32),
        )

    def _generate(self, noise: Any, labels: Any) -> Any:
        inputs = {"noise": noise, "label": labels} if self.conditional else {"noise": noise}
        images = self._fast(inputs, training=False)
        levels = (images + 1.0) * 127.5 if self._tanh else images * 255.0
        return tf.cast(tf.clip_by_value(tf.round(levels), 0.0, 255.0), tf.uint8)


def load_generator(path: Path) -> keras.Model:
    """Load a generator from a .keras file, without running any code it may hold.

    Args:
        path: A file that `generator.save` wrote.

    Raises:
        DataError: If it would unfold to more than memory holds.
        StorageError: If Keras cannot load it.
    """
    check_archive(path)
    try:
        # safe_mode refuses what would execute code, e.g. a Lambda layer.
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever a damaged archive runs into
        raise StorageError(
            f"{path}: cannot be loaded by Keras as a model of built-in layers: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error


def latent_noise(
    noise_seed: int, count: int, latent_dim: int, distribution: Noise = "normal"
) -> NDArray[np.float32]:
    """Return the noise (count, latent_dim) behind the first images of a seed.

    Row i does not depend on `count`.

    Args:
        noise_seed: Origin of the noise.
        count: Number of images.
        latent_dim: Length of each vector.
        distribution: Standard normal, or uniform from -1 to 1.
    """
    draw = tf.random.stateless_normal
    if distribution == "uniform":
        draw = functools.partial(tf.random.stateless_uniform, minval=-1.0, maxval=1.0)
    noise = np.empty((count, latent_dim), np.float32)
    for block, start in enumerate(range(0, count, _NOISE_BLOCK)):
        shape = (_NOISE_BLOCK, latent_dim)
        values = draw(shape, (noise_seed, block)).numpy()
        noise[start : start + _NOISE_BLOCK] = values[: count - start]
    return noise


def output_activation(generator: keras.Model) -> str | None:
    """Return what the network ends in, e.g. `tanh` or `sigmoid`: it says where the images lie.

    It is the last operation that does more than move values, whether a layer or not: behind a
    `Rescaling` no activation says anything. None where a model does not tell.
    """
    for operation in reversed(getattr(generator, "operations", generator.layers)):
        if isinstance(operation, keras.Model):
            return output_activation(operation)
        if not isinstance(operation, _MOVING):
            activation = getattr(operation, "activation", None)
            name = activation and keras.activations.serialize(activation)
            return str(name or type(operation).__name__.lower())
    return None
