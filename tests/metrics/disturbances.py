"""Disturb real images by a known strength, to see whether a score rises with it.

Every function takes uint8 images (n, 28, 28, 1), labels (n,), a level and a generator of
randomness, and returns as many uint8 images.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """Name a way to disturb images, and its levels from the undisturbed on.

    Args:
        title: For tables and plots.
        unit: What the levels count.
        levels: Rising strength; the first leaves the images as they are.
        apply: From (images, labels, level, rng) to images.
    """

    title: str
    unit: str
    levels: tuple[float, ...]
    apply: Callable


def gaussian_noise(images, labels, level, rng):
    return _to_uint8(images + rng.normal(0.0, level, size=images.shape))


def blur(images, labels, level, rng):
    sigma = (0, level, level, 0)
    return _to_uint8(ndimage.gaussian_filter(images.astype(np.float32), sigma))


def swirl(images, labels, level, rng):
    """Turn the centre by `level` degrees, and everything else less, the farther out it lies."""
    side = images.shape[1]
    centre = (side - 1) / 2
    rows, columns = np.mgrid[:side, :side] - centre
    radius = np.hypot(rows, columns)
    angle = np.arctan2(rows, columns) + np.deg2rad(level) * np.exp(-((radius / 10.0) ** 2))
    grid = np.stack([radius * np.sin(angle) + centre, radius * np.cos(angle) + centre])
    turned = [
        ndimage.map_coordinates(image[..., 0].astype(np.float32), grid, order=1, mode="nearest")
        for image in images
    ]
    return _to_uint8(np.stack(turned)[..., np.newaxis])


def shuffled_patches(images, labels, level, rng):
    """Move `level` of the 16 patches of 7 x 7 pixels, each to the place of another of them."""
    patches = images.reshape(-1, 4, 7, 4, 7).transpose(0, 1, 3, 2, 4).reshape(-1, 16, 7, 7)
    order = np.tile(np.arange(16), (len(images), 1))
    moved = int(level)
    for row in order:
        chosen = rng.permutation(16)[:moved]
        row[chosen] = np.roll(chosen, 1)
    patches = patches[np.arange(len(images))[:, None], order]
    patches = patches.reshape(-1, 4, 4, 7, 7).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(patches.reshape(images.shape))


def salt_and_pepper(images, labels, level, rng):
    hit = rng.random(images.shape) < level
    return np.where(hit, rng.integers(0, 2, images.shape) * 255, images).astype(np.uint8)


def mixed_in_digits(images, labels, level, rng):
    return _mix_in(images, level, rng, draw_digit)


def mixed_in_shapes(images, labels, level, rng):
    return _mix_in(images, level, rng, draw_shape)


def dropped_classes(images, labels, level, rng, order=tuple(range(10))):
    """Leave out the first `level` classes of `order`; draw the rest equally often, from all."""
    kept = order[int(level) :]
    return _draw_rows(images, [np.flatnonzero(labels == label) for label in kept])


def few_images_per_class(images, labels, level, rng):
    """Repeat the first images of each class, so many that 1 / `level` of them are distinct."""
    distinct = len(images) // (10 * int(level))
    return _draw_rows(images, [np.flatnonzero(labels == label)[:distinct] for label in range(10)])


def draw_digit(rng, side=28):
    """Draw one digit of any size at any place, white to grey on black."""
    canvas = Image.new("L", (side, side), 0)
    font = ImageFont.load_default(size=int(rng.integers(12, 30)))
    text = str(rng.integers(10))
    left, top, right, bottom = font.getbbox(text)
    x = rng.integers(0, max(1, side - int(right - left)))
    y = rng.integers(0, max(1, side - int(bottom - top)))
    grey = int(rng.integers(128, 256))
    ImageDraw.Draw(canvas).text((x - left, y - top), text, fill=grey, font=font)
    return np.asarray(canvas)


def draw_shape(rng, side=28):
    """Draw one filled ellipse, rectangle or triangle of any size at any place."""
    canvas = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(canvas)
    width, height = rng.integers(6, side - 2, size=2)
    x, y = rng.integers(0, side - width), rng.integers(0, side - height)
    grey = int(rng.integers(64, 256))
    box = [int(x), int(y), int(x + width), int(y + height)]
    match rng.integers(3):
        case 0:
            draw.ellipse(box, fill=grey)
        case 1:
            draw.rectangle(box, fill=grey)
        case _:
            draw.polygon([(box[0], box[3]), (box[2], box[3]), (box[0], box[1])], fill=grey)
    return np.asarray(canvas)


DISTURBANCES = {
    "gaussian_noise": Disturbance(
        "Gaussian noise", "standard deviation, grey levels", (0, 5, 10, 20, 40, 80, 160),
        gaussian_noise,
    ),
    "blur": Disturbance(
        "Blur", "standard deviation, pixels", (0, 0.5, 0.75, 1, 1.5, 2, 3), blur
    ),
    "swirl": Disturbance("Swirl", "degrees at the centre", (0, 15, 30, 45, 60, 90, 120), swirl),
    "shuffled_patches": Disturbance(
        "Shuffled patches", "patches moved, of 16", (0, 2, 4, 6, 8, 12, 16), shuffled_patches
    ),
    "salt_and_pepper": Disturbance(
        "Salt and pepper", "share of pixels", (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4),
        salt_and_pepper,
    ),
    "mixed_in_digits": Disturbance(
        "Mixed-in digits", "share of images", (0, 0.05, 0.1, 0.2, 0.4, 0.7, 1), mixed_in_digits
    ),
    "mixed_in_shapes": Disturbance(
        "Mixed-in shapes", "share of images", (0, 0.05, 0.1, 0.2, 0.4, 0.7, 1), mixed_in_shapes
    ),
    "dropped_classes": Disturbance(
        "Dropped classes", "classes missing, of 10", tuple(range(10)), dropped_classes
    ),
    "few_images_per_class": Disturbance(
        "Few images per class", "copies of each image", (1, 3, 10, 30, 100, 300, 1000),
        few_images_per_class,
    ),
}  # fmt: skip


def _mix_in(images, share, rng, draw):
    mixed = images.copy()
    for row in rng.permutation(len(images))[: round(share * len(images))]:
        mixed[row, ..., 0] = draw(rng)
    return mixed


def _draw_rows(images, groups):
    """Return as many images as were given, taken from each group in turn, repeated if need be."""
    count = len(images)
    quotas = np.diff(np.linspace(0, count, len(groups) + 1).round().astype(int))
    rows = [np.resize(group, quota) for group, quota in zip(groups, quotas, strict=True)]
    return images[np.concatenate(rows)]


def _to_uint8(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
