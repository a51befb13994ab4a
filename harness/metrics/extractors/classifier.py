"""Build the small convolutional classifier whose hidden layers serve as FID features."""

import keras
from keras import layers

HIDDEN_UNITS = 96
# The dense layer sees a grid of at most this many places a side, whatever the image's size.
GRID = 4


def build_classifier(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build an untrained classifier with two outputs: features and logits.

    The features are taken at three depths: channel means at half size answer to texture, noise
    and blur, those at quarter size to parts, and a dense layer over a coarse grid of places to
    the whole shape. All of them feed the output layer, so none is left to chance. The network is
    kept small because it is run on ten thousand images at each rung of each trial.

    Args:
        image_shape: (height, width, channels) of the images, whose values lie in [0, 255].
        num_classes: Number of labels.

    Returns:
        A model from float32 (n, height, width, channels) to features (n, 240) and logits
        (n, num_classes).
    """
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    x = layers.MaxPooling2D()(layers.ReLU()(_convolve(x, 24)))
    half = layers.ReLU()(_convolve(x, 48))
    quarter = layers.ReLU()(_convolve(layers.MaxPooling2D()(half), 96))
    deep = layers.ReLU()(layers.Add()([quarter, _convolve(quarter, 96)]))
    features = layers.Concatenate(name="features")(
        [
            layers.GlobalAveragePooling2D()(half),
            layers.GlobalAveragePooling2D()(quarter),
            _summarise(deep),
        ]
    )
    logits = layers.Dense(num_classes, name="logits")(layers.Dropout(0.2)(features))
    return keras.Model(images, [features, logits], name="classifier")


def _convolve(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.95)(x)


def _summarise(x: keras.KerasTensor) -> keras.KerasTensor:
    pool = (-(-x.shape[1] // GRID), -(-x.shape[2] // GRID))
    x = layers.Flatten()(layers.AveragePooling2D(pool, padding="same")(x))
    x = layers.Dense(HIDDEN_UNITS, use_bias=False)(layers.Dropout(0.3)(x))
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
