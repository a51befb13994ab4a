"""Build the small convolutional classifier whose hidden layers serve as FID features."""

import keras
from keras import layers


def build_classifier(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build an untrained classifier with two outputs: features and logits.

    The features are the channel means of the last three convolutions: the one at half size
    answers to texture, noise and blur, the two at quarter size to shape and class. Every one of
    them feeds the output layer, so none is left to chance. The network is kept small because it
    is run on ten thousand images at each rung of each trial.

    Args:
        image_shape: (height, width, channels) of the images, whose values lie in [0, 255].
        num_classes: Number of labels.

    Returns:
        A model from float32 (n, height, width, channels) to features (n, 240) and logits
        (n, num_classes).
    """
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    x = _convolve(x, 32, kernel_size=5, strides=2)
    half = _convolve(x, 48)
    x = layers.MaxPooling2D()(half)
    x = layers.Dropout(0.1)(x)
    quarter = _convolve(x, 96)
    x = layers.Dropout(0.1)(quarter)
    deep = _convolve(x, 96)
    features = layers.Concatenate(name="features")(
        [layers.GlobalAveragePooling2D()(tap) for tap in (half, quarter, deep)]
    )
    logits = layers.Dense(num_classes, name="logits")(layers.Dropout(0.3)(features))
    return keras.Model(images, [features, logits], name="classifier")


def _convolve(
    x: keras.KerasTensor, filters: int, *, kernel_size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x)
