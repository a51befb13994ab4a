"""Change what the discriminator sees, by the same policy for real and generated images.

DiffAugment applies T to every image before D, in D's step and in G's, where gradients flow back
through T to the generator: D then cannot learn the data by heart, and G is not asked to produce
augmented images, as it would be if the real ones alone were changed. "The same" refers to T, the
policy: which transformations, how large, in which order. Each image has its own random draws, real
and fake ones too, as in the authors' code.
"""

from typing import Any

import tensorflow as tf

from harness.gan.config.sections import AugmentConfig

DRAWS = 7
"""Random numbers an image: brightness, saturation, contrast, shift and cut, the last two by
height and width. Every transformation has its own, whichever others are on."""


def transforms(settings: AugmentConfig) -> bool:
    """Return whether any transformation is on; noise is none."""
    return any(
        (
            settings.brightness,
            settings.saturation,
            settings.contrast,
            settings.translation,
            settings.cutout,
        )
    )


def augment(images: Any, settings: AugmentConfig, draws: Any, *, black: float) -> Any:
    """Return images changed as the settings say, each by its own draws; differentiable.

    Colour first, then place, so that what a shift lets in and a cut takes out is black.

    Args:
        images: float32 (n, height, width, channels), from `black` to 1.
        settings: What to do, and how much.
        draws: Uniform in [0, 1), (n, DRAWS).
        black: The value of black, -1 or 0. The authors fill with 0, a grey in [-1, 1].

    References:
        Zhao et al. 2020, arXiv 2006.10738, section 3 and appendix B. A square at the border loses
        the part outside; the authors' code bends that part to the border's row.
    """
    bent = draws[:, :, None, None, None] * 2.0 - 1.0
    if settings.brightness:
        images = images + settings.brightness * (1.0 - black) * bent[:, 0]
    if settings.saturation:
        images = _stretch(images, 1.0 + settings.saturation * bent[:, 1], axes=(3,))
    if settings.contrast:
        images = _stretch(images, 1.0 + settings.contrast * bent[:, 2], axes=(1, 2, 3))
    if not (settings.translation or settings.cutout):
        return images
    images = images - black
    if settings.translation:
        images = translate(images, settings.translation, draws[:, 3:5])
    if settings.cutout:
        images = cut_out(images, settings.cutout, draws[:, 5:7])
    return images + black


def translate(images: Any, share: float, draws: Any) -> Any:
    """Return images moved by whole pixels, down and right where positive, with 0 where they left.

    Args:
        images: float32 (n, height, width, channels).
        share: Largest shift, as a share of the side, rounded to pixels.
        draws: Uniform in [0, 1), (n, 2), for the shifts by height and by width.
    """
    _, height, width, _ = images.shape
    # Row i of the result is row i - shift: a product with a matrix of one 1 a row, as is its
    # gradient, where gathering rows would need a scatter.
    rows = _shift_matrix(height, share, draws[:, 0])
    columns = _shift_matrix(width, share, draws[:, 1])
    moved = tf.einsum("nih,nhwc->niwc", rows, images)
    return tf.einsum("njw,niwc->nijc", columns, moved)


def cut_out(images: Any, share: float, draws: Any) -> Any:
    """Return images with a square set to 0, whose middle lies anywhere in the image.

    Args:
        images: float32 (n, height, width, channels).
        share: Side of the square, as a share of the image's, rounded to pixels.
        draws: Uniform in [0, 1), (n, 2), for its place by height and by width.
    """
    _, height, width, _ = images.shape
    rows = _cut(height, share, draws[:, 0])[:, :, None, None]
    columns = _cut(width, share, draws[:, 1])[:, None, :, None]
    return images * (1.0 - rows * columns)


def noise_deviation(settings: AugmentConfig, kimg: Any) -> Any:
    """Return the standard deviation of instance noise, as a share of the range of values.

    Args:
        settings: With `noise` above 0.
        kimg: Thousands of real images seen, float32 scalar.

    References:
        Sønderby et al. 2017, arXiv 1610.04490, section 2.6; Arjovsky & Bottou 2017, arXiv
        1701.04862, section 3. Noise lets the two distributions overlap while they lie apart.
    """
    return settings.noise * tf.maximum(0.0, 1.0 - kimg / settings.noise_kimg)


def _stretch(images: Any, factor: Any, *, axes: tuple[int, ...]) -> Any:
    """Scale the distance from the mean over these axes."""
    mean = tf.reduce_mean(images, axis=axes, keepdims=True)
    return (images - mean) * factor + mean


def _shift_matrix(side: int, share: float, draws: Any) -> Any:
    most = int(share * side + 0.5)
    shifts = tf.cast(tf.floor(draws * (2 * most + 1)), tf.int32) - most
    return tf.one_hot(tf.range(side)[None] - shifts[:, None], side)


def _cut(side: int, share: float, draws: Any) -> Any:
    """Return 1 where a stretch of the side is cut, else 0, (n, side)."""
    length = int(share * side + 0.5)
    # An even length has its middle between two pixels, so one more place.
    first = tf.cast(tf.floor(draws * (side + 1 - length % 2)), tf.int32) - length // 2
    place = tf.range(side)[None] - first[:, None]
    return tf.cast((place >= 0) & (place < length), tf.float32)
