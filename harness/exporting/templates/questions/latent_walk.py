"""Walk through points of latent space, and write what is drawn on the way as a GIF or an MP4."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

Array = NDArray[Any]

_FRAME_PIXELS = 160_000  # to which small pictures are enlarged
_COLUMNS = 5
_IMAGES = 250  # drawn at once
_SAMPLED = 12  # pictures whose colours stand for those of all


def on_route(points: Array, at: Array) -> Array:
    """Return positions on a closed way through points, along great arcs.

    Normal noise of many dimensions lies near a sphere; a straight way between two points passes
    through its inside, where a generator was never trained.

    Args:
        points: float32, (n, ..., latent_dim): what each of the walks passes.
        at: (m,), from 0: point 1 is at 1.0, and at n the first one follows again.

    Returns:
        float32, (m, ..., latent_dim).

    References:
        White 2016, arXiv 1609.04468, section 2.1; length is interpolated along, too.
    """
    number = np.floor(at).astype(int)
    shares = (at - number).astype(np.float32).reshape(-1, *[1] * (points.ndim - 1))
    starts, ends = points[number % len(points)], points[(number + 1) % len(points)]
    lengths = [np.linalg.norm(each, axis=-1, keepdims=True) for each in (starts, ends)]
    cosine = (starts * ends).sum(axis=-1, keepdims=True) / (lengths[0] * lengths[1])
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    sine = np.sin(angle)
    straight = sine < 1e-4  # equal or opposite points have no arc between them
    sine = np.where(straight, 1.0, sine)
    first = np.where(straight, 1 - shares, np.sin((1 - shares) * angle) / sine)
    second = np.where(straight, shares, np.sin(shares * angle) / sine)
    return np.asarray(first * starts + second * ends)


class WalkPictures(NamedTuple):
    """What draws the pictures of a walk.

    Args:
        draw: From noise (m, latent_dim) to m pictures, uint8 (m, height, width, 1 or 3).
        batch: How many to draw at once.
    """

    draw: Callable[[Array], Array]
    batch: int


def tiled(
    pixels: Callable[[Array, Array | None], Array],
    labels: Array | None,
    arrange: Callable[[Array, int], Array],
) -> WalkPictures:
    """Return pictures in which each class is a tile, and all have the same noise.

    Args:
        pixels: From noise and labels, None where there are none, to uint8 images.
        labels: The classes; None for a generator without any.
        arrange: From images and a number of columns to one picture.
    """
    tiles = 1 if labels is None else len(labels)

    def draw(noise: Array) -> Array:
        classes = None if labels is None else np.tile(labels, len(noise))
        images = pixels(np.repeat(noise, tiles, axis=0), classes)
        groups = images.reshape(len(noise), tiles, *images.shape[1:])
        return np.stack([arrange(group, min(tiles, _COLUMNS)) for group in groups])

    return WalkPictures(draw, max(1, _IMAGES // tiles))


def write_walk(out: Path, pictures: WalkPictures, points: Array, *, frames: int, fps: int) -> None:
    """Write a walk that loops as a GIF or an MP4, however long: few pictures are in memory.

    Args:
        out: The file; its suffix is `.gif` or `.mp4`.
        pictures: What draws them.
        points: float32, (n, latent_dim): what the walk passes before it closes.
        frames: How many pictures.
        fps: WalkPictures a second.

    Raises:
        OSError: If it cannot be written.
    """
    some = pictures.draw(on_route(points, np.arange(_SAMPLED) * (len(points) / _SAMPLED)))
    scale = max(1, math.isqrt(_FRAME_PIXELS // math.prod(some.shape[1:3])))

    def walked() -> Iterator[Array]:
        for start in range(0, frames, pictures.batch):
            at = np.arange(start, min(start + pictures.batch, frames)) * (len(points) / frames)
            for picture in pictures.draw(on_route(points, at)):
                yield picture.repeat(scale, axis=0).repeat(scale, axis=1)

    if out.suffix == ".mp4":
        write_mp4(out, walked(), fps)
        return
    with out.open("wb") as stream:
        write_gif(stream, walked(), palette_of(list(some)), fps)


def write_gif(stream: IO[bytes], frames: Iterable[Array], palette: Any, fps: float) -> None:
    """Write pictures one after the other as a GIF that loops; none of them stays in memory.

    Pillow's own way to write many keeps them all until the last one has come.

    Args:
        stream: Where to.
        frames: uint8, (height, width, 1 or 3) each.
        palette: What `palette_of` returns for some of them.
        fps: WalkPictures a second; GIF counts in hundredths of a second.
    """
    milliseconds = max(2, round(100 / fps)) * 10
    table = palette.getpalette()
    unchanged = len(table) // 3  # the number of the colour that lets the earlier one show
    before: Array | None = None
    for frame in frames:
        numbers = np.asarray(
            Image.fromarray(_coloured(frame)).quantize(palette=palette, dither=Image.Dither.NONE)
        )
        kept = numbers if before is None else np.where(numbers == before, unchanged, numbers)
        image = Image.fromarray(kept.astype(np.uint8))
        image.putpalette([*table, 0, 0, 0])
        info = {"loop": 0, "duration": milliseconds, "transparency": unchanged}
        if before is None:
            stream.writelines(GifImagePlugin.getheader(image.copy(), info=info)[0])
        stream.writelines(GifImagePlugin.getdata(image, (0, 0), **info))
        before = numbers
    stream.write(b";")


def palette_of(frames: Sequence[Array], colours: int = 255) -> Any:
    """Return one palette for pictures like these.

    Args:
        frames: uint8, (height, width, 1 or 3) each.
        colours: How many, at most 255.
    """
    return Image.fromarray(np.concatenate([_coloured(each) for each in frames])).quantize(colours)


def _coloured(picture: Array) -> Array:
    return np.repeat(picture, 3 // picture.shape[2], axis=2)


def write_mp4(path: Path, frames: Iterable[Array], fps: int) -> None:
    """Write pictures one after the other as an MP4 (H.264); needs PyAV.

    Args:
        path: The file.
        frames: uint8, (height, width, 1 or 3) each.
        fps: WalkPictures a second.
    """
    import av

    with av.open(str(path), "w", format="mp4") as video:
        stream = video.add_stream("libx264", rate=fps, options={"crf": "18"})
        stream.pix_fmt = "yuv420p"  # the one that all players know; its sides are even
        for index, frame in enumerate(frames):
            height, width, _ = frame.shape
            even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            if index == 0:
                stream.height, stream.width = even.shape[:2]
            picture = av.VideoFrame.from_ndarray(_coloured(even), format="rgb24")
            video.mux(stream.encode(picture))
        video.mux(stream.encode(None))
