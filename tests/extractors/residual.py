"""Define the second extractor: another architecture, another seed, the same training images.

It answers one question: does an order of generators hold under other features? It is no part of
the package. `python -m tests.extractors.train FOLDER` made its weights.
"""

from pathlib import Path

import keras
from keras import layers

from harness.core.files import read_json
from harness.gan.networks.layers import leaky_relu_of_sum
from harness.metrics.extractor_folder import RECORD_FILE
from harness.metrics.extractors.classifier import read_weights
from harness.metrics.extractors.feature_extractor import WEIGHTS_FILE, Extractor

FOLDER = Path(__file__).parent / "residual"
NAME = "fashion_residual"
SLOPE = 0.1


def build_residual(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build a small residual network with two outputs: features and logits.

    Unlike the embedded classifier it strides before it pools, adds residuals, activates by leaky
    ReLU, and takes from its deep layer the maximum of each channel beside a summary of all places.

    Args:
        image_shape: (height, width, channels) of the images, whose values lie in [0, 255].
        num_classes: Number of labels.

    Returns:
        A model from float32 (n, height, width, channels) to features and logits.
    """
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 255)(images)
    x = _activate(_convolve(x, 24, 5, strides=2))
    middle = _residual_block(x, 32)
    deep = _residual_block(layers.MaxPooling2D()(middle), 64)
    summary = layers.Dense(64)(layers.Dropout(0.3)(layers.Flatten()(deep)))
    features = layers.Concatenate(name="features")(
        [
            layers.GlobalAveragePooling2D()(middle),
            layers.GlobalMaxPooling2D()(deep),
            _activate(layers.BatchNormalization(momentum=0.9)(summary)),
        ]
    )
    logits = layers.Dense(num_classes, name="logits")(layers.Dropout(0.2)(features))
    return keras.Model(images, [features, logits], name="residual")


def load_second_extractor() -> Extractor:
    """Load the trained second extractor; its interface is the embedded one's."""
    record = read_json(FOLDER / RECORD_FILE)
    model = build_residual(tuple(record["image_shape"]), record["num_classes"])
    read_weights(model, FOLDER / WEIGHTS_FILE, record["sha256"])
    return Extractor(NAME, record["sha256"], model)


def _residual_block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    inner = _convolve(_activate(_convolve(x, filters, 3)), filters, 3)
    return leaky_relu_of_sum(layers.Add()([_convolve(x, filters, 1), inner]), SLOPE)


def _activate(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.LeakyReLU(negative_slope=SLOPE)(x)


def _convolve(
    x: keras.KerasTensor, filters: int, kernel_size: int, *, strides: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides=strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)
