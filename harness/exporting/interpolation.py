"""Draw a walk through latent space as an animation that loops."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.exporting.scoring import Original
from harness.exporting.templates.generate import grid
from harness.exporting.templates.questions.latent_walk import on_route, palette_of, write_gif
from harness.gan.sampling import latent_noise

MOST_BYTES = 1_000_000
"""What the animation may take; large images are shown smaller."""

_POINTS = 4
_STEPS = 12  # from a point to the next
_FRAME_MILLISECONDS = 80
_COLUMNS = 5
_MOST_TILES = 20
_UNCONDITIONAL_TILES = 10
_SCALES = (3.0, 2.0, 1.0, 0.5, 0.25)
_MOST_PIXELS = 120_000  # of a frame: more would not fit anyway, and takes long to try
_COLOURS = 63


def write_interpolation(path: Path, original: Original, *, noise_seed: int, classes: int) -> None:
    """Write a GIF in which each class, or each of ten walks, is a tile.

    All classes walk through the same noise, so that what changes together is style, and what
    differs is the class.

    Args:
        path: The file.
        original: What draws.
        noise_seed: Origin of the points that the walk passes.
        classes: Number of classes, of which the first twenty are shown; 0 where there are none.

    Raises:
        OSError: If it cannot be written.
    """
    tiles = min(classes, _MOST_TILES) or _UNCONDITIONAL_TILES
    walks = 1 if classes else tiles
    points = latent_noise(noise_seed, _POINTS * walks, original.latent_dim)
    route = walk(points.reshape(_POINTS, walks, -1), _STEPS)
    noise = np.broadcast_to(route, (len(route), tiles, original.latent_dim))
    labels = np.tile(np.arange(tiles, dtype=np.int32), len(route))
    pixels = original.pixels(noise.reshape(len(labels), -1), labels)
    pictures = [
        grid(images, min(tiles, _COLUMNS))
        for images in pixels.reshape(len(route), tiles, *pixels.shape[1:])
    ]
    frames = [Image.fromarray(each.squeeze()).convert("RGB") for each in pictures]
    area = frames[0].width * frames[0].height
    for scale in [each for each in _SCALES if area * each**2 <= _MOST_PIXELS] or _SCALES[-1:]:
        animation = _encode(frames, scale)
        if len(animation) <= MOST_BYTES:
            break
    path.write_bytes(animation)


def walk(points: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Return a closed way through points, as `on_route` has it, in even steps.

    Args:
        points: (n, ..., latent_dim): where each of the walks passes.
        steps: Positions from a point to the next.

    Returns:
        (n * steps, ..., latent_dim); every `steps`-th position is a point, and behind the last
        position the first would follow.
    """
    return on_route(points, np.arange(len(points) * steps) / steps)


def _encode(frames: list[Image.Image], scale: float) -> bytes:
    """Return frames as a GIF with one palette for all of them."""
    size = (round(frames[0].width * scale), round(frames[0].height * scale))
    way = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    # The colours of four frames, well apart, stand for those of all.
    palette = palette_of([np.asarray(each) for each in frames[:: len(frames) // 4]], _COLOURS)
    buffer = io.BytesIO()
    sized = (np.asarray(frame.resize(size, way)) for frame in frames)
    write_gif(buffer, sized, palette, 1000 / _FRAME_MILLISECONDS)
    return buffer.getvalue()
