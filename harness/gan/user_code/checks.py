"""Try networks and losses of the user's own: forms, values, and whether they can be kept."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.core.errors import StorageError
from harness.gan.config.config import GANConfig
from harness.gan.config.rules import bounded_by_kernels_alone
from harness.gan.networks.layers import ImageShape
from harness.gan.networks.spectral import SPECTRAL_LAYERS
from harness.gan.sampling import load_generator, output_activation
from harness.gan.updates.losses import Loss
from harness.gan.user_code.loader import broken, call

_COUNT = 6  # images that are tried at least
_ROUNDING = 1e-4
_NORMALIZING = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
)
"""Layers that divide by what they see: no kernel's bound holds behind them."""

Shape = tuple[int | None, ...]


def check_form(
    role: str,
    name: str,
    model: Any,
    config: GANConfig,
    *,
    image_shape: ImageShape,
    num_classes: int,
) -> None:
    """Refuse what is no such network: another type, other inputs, another output, other layers.

    Args:
        role: `generator` or `discriminator`.
        name: The function that returned it.
        model: What it returned.
        config: The configuration it was given.
        image_shape: (height, width, channels).
        num_classes: Number of classes.

    Raises:
        ConfigError: Says what is expected, and what it was.
    """
    is_generator = role == "generator"
    auxiliary = config.conditional and config.discriminator.conditioning == "auxiliary"
    inputs: dict[str, Shape] = {"image": (None, *image_shape)}
    if is_generator:
        inputs = {"noise": (None, config.generator.latent_dim)}
    if config.conditional and (is_generator or not auxiliary):
        inputs["label"] = (None,)
    output = image_shape if is_generator else (1 + num_classes * auxiliary,)
    _check_model(name, model, inputs, (None, *output))
    if not is_generator:
        if bounded_by_kernels_alone(config):
            _check_bounds(name, model)
        if config.regularizer.name != "none" and not config.discriminator.minibatch_deviation:
            _check_single_images(name, model, config, num_classes)


def check_values(
    role: str, name: str, model: keras.Model, config: GANConfig, num_classes: int
) -> None:
    """Refuse a network whose output is not finite or out of range, or that cannot be saved.

    Arguments and errors are those of `check_form`; the model must take each of the classes.
    """
    low, received = _darkest(config), output_activation(model)
    if role == "generator" and hasattr(keras.activations, received or "linear"):
        _check_activation(name, received, config)
    inputs = _random_inputs(model, low, num_classes)
    trained, values = (
        call(name, lambda mode=mode: model(inputs, training=mode).numpy())
        for mode in (True, False)
    )
    if not (np.isfinite(values).all() and np.isfinite(trained).all()):
        raise broken(name, "the model's output must be finite; received NaN or infinity.")
    kept = _through_a_file(name, model)(inputs, training=False).numpy()
    if not np.allclose(values, kept, atol=_ROUNDING):
        raise broken(name, "the saved model must compute what the model does; it does not.")
    if role == "generator" and (values.min() < low - _ROUNDING or values.max() > 1 + _ROUNDING):
        raise broken(
            name,
            f"images must lie in [{low:g}, 1] with generator.output {config.generator.output}; "
            f"received {values.min():.3g} to {values.max():.3g}.",
        )
    if role == "generator":  # what is no activation, but keeps the range here, tells no range
        _check_activation(name, received, config)


def _check_activation(name: str, received: str | None, config: GANConfig) -> None:
    expected = config.generator.output
    if received != expected:
        raise broken(
            name,
            f"the last activation must be config.generator.output, {expected}, which says what "
            f"range images lie in; received {received or 'none'}.",
        )


def check_loss(name: str, loss: Loss) -> None:
    """Refuse a loss that is no finite number, or that a network cannot learn from.

    Raises:
        ConfigError: Says what is expected, and what it was.
    """

    def graded(real: Any, fake: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch((real, fake))
            of_d = tf.convert_to_tensor(loss.discriminator(real, fake, (1.0, 0.0)))
            of_g = tf.convert_to_tensor(loss.generator(real if loss.paired else None, fake))
        both = {"real": real, "fake": fake}
        return (of_d, tape.gradient(of_d, both)), (of_g, tape.gradient(of_g, {"fake": fake}))

    real = tf.constant([[0.5], [1.0], [-0.2], [2.0]])
    fake = tf.constant([[-0.5], [0.3], [-1.0], [0.1]])
    compiled = tf.function(graded, autograph=False)  # as it is while training
    results = call(name, compiled, real, fake)
    for owner, (value, gradients) in zip(("discriminator", "generator"), results, strict=True):
        if value.shape != () or value.dtype != tf.float32:
            raise broken(
                name,
                f"the {owner}'s loss must be one float32 number, a mean over the batch; received "
                f"shape {tuple(value.shape)}, {value.dtype.name}.",
            )
        for kind, gradient in gradients.items():
            if gradient is None or not np.any(gradient):
                raise broken(name, f"the {owner}'s loss does not depend on the {kind} logits.")
            if not np.isfinite([value.numpy(), *gradient.numpy().ravel()]).all():
                raise broken(
                    name, f"the {owner}'s loss or its gradient is not finite: {value.numpy()}."
                )


def _check_model(name: str, model: Any, inputs: dict[str, Shape], output: Shape) -> None:
    if not isinstance(model, keras.Model) or not _is_of_keras(model):
        raise broken(
            name,
            f"must return a functional keras.Model(inputs, outputs); returned "
            f"{type(model).__name__}.",
        )
    given = model.input if isinstance(model.input, dict) else {}
    received = {key: tuple(tensor.shape) for key, tensor in given.items()}
    if received != inputs or any(tensor.name != key for key, tensor in given.items()):
        expected = ", ".join(f"{key!r}: {shape}" for key, shape in inputs.items())
        raise broken(
            name,
            f"the model's inputs must be a dictionary of keras.Input by their names, "
            f"{{{expected}}}; received {received or model.input}.",
        )
    outputs = model.outputs
    if len(outputs) != 1 or tuple(outputs[0].shape) != output or outputs[0].dtype != "float32":
        shapes = ", ".join(f"{tuple(each.shape)} {each.dtype}" for each in outputs)
        raise broken(name, f"the model's output must be {output} float32; received {shapes}.")
    if not model.trainable_variables:
        raise broken(name, "the model must have weights to train; it has none.")
    for each in model.operations:
        if not _is_of_keras(each):
            raise broken(
                name,
                f"the model must consist of Keras's own layers and ops, so that its file loads "
                f"with Keras alone; it holds {type(each).__name__} ({each.name}).",
            )


def _is_of_keras(each: Any) -> bool:
    return type(each).__module__.startswith("keras.")


def _check_bounds(name: str, model: keras.Model) -> None:
    for layer in model.layers:
        weighted = layer.weights and type(layer) not in SPECTRAL_LAYERS
        if weighted or isinstance(layer, _NORMALIZING):
            known = ", ".join(kind.__name__ for kind in SPECTRAL_LAYERS)
            raise broken(
                name,
                f"a Wasserstein loss needs a bound on the discriminator's slope, and spectral "
                f"normalization bounds {known} alone; the model holds "
                f"{type(layer).__name__} ({layer.name}). Leave it out, or use regularizer.name "
                f"gradient_penalty.",
            )


def _check_single_images(
    name: str, model: keras.Model, config: GANConfig, num_classes: int
) -> None:
    """Refuse logits that move, in training, when another image of the batch changes."""
    inputs = _random_inputs(model, _darkest(config), num_classes)
    others = np.array(inputs["image"])
    others[-1] = others[-1, ::-1] / 2
    before = [np.array(variable) for variable in model.variables]
    logits = []
    for images in (inputs["image"], tf.constant(others)):
        batch = {**inputs, "image": images}
        logits.append(call(name, lambda batch=batch: model(batch, training=True).numpy()))
        # Dropout must drop the same, and moving statistics are not to move.
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
    moved = np.abs(logits[0] - logits[1])[:-1, 0].max()
    if moved > _ROUNDING * max(1.0, np.abs(logits[0]).max()):
        raise broken(
            name,
            f"regularizer.name {config.regularizer.name} penalizes each logit's slope at its own "
            f"image, but a logit moves by {moved:.3g} when another image of the batch changes. "
            f"Use no statistics of the batch, such as BatchNormalization, or regularizer.name "
            f"none.",
        )


def _darkest(config: GANConfig) -> float:
    return -1.0 if config.generator.output == "tanh" else 0.0


def _random_inputs(model: keras.Model, low: float, num_classes: int) -> dict[str, Any]:
    """Return a batch of random inputs in which each class occurs."""
    rng = np.random.default_rng(0)
    count = max(_COUNT, num_classes)
    inputs = {}
    for key, tensor in model.input.items():
        shape = (count, *tensor.shape[1:])
        if key == "label":
            inputs[key] = tf.constant(np.arange(count) % max(num_classes, 1), tf.int32)
        elif key == "image":
            inputs[key] = tf.constant(rng.uniform(low, 1, shape), tf.float32)
        else:
            # Wider than it will be: images must keep to their range once weights have grown.
            inputs[key] = tf.constant(10 * rng.standard_normal(shape), tf.float32)
    return inputs


def _through_a_file(name: str, model: keras.Model) -> keras.Model:
    """Return a model as another program would load it, which knows Keras alone."""
    own = keras.saving.get_custom_objects()
    registered = dict(own)
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        path = Path(folder) / "model.keras"
        try:
            model.save(path)
            own.clear()
            return load_generator(path)
        except (StorageError, OSError, TypeError, ValueError, NotImplementedError) as error:
            cause = str(error).partition(": cannot be loaded by ")[2] or str(error)
            raise broken(
                name, f"the model cannot be saved and loaded with Keras alone: {cause}"
            ) from error
        finally:
            own.clear()
            own.update(registered)
