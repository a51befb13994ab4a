"""Answer for `generate.py` what is asked by `--find`, `--walk` and `--nearest`."""

import argparse
import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Array = NDArray[Any]

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # by content
_MOST_PIXELS = 2**26
_MOST_BYTES = 2**32
_ARRAYS = ("images", "x_train", "pixels")
_NEIGHBOURS = 5
_MOST_TILES = 20


def answer(own: Any, options: argparse.Namespace, about: dict[str, Any]) -> str:
    """Write what is asked; return what to print.

    Args:
        own: The module of `generate.py`, whose errors these are, and which draws.
        options: Of its command line.
        about: What `generator.json` says.
    """
    try:
        if options.find:
            return _find(own, options, about)
        if options.walk:
            return walk(own, options, about)
        return _nearest(own, options, about)
    except OSError as error:
        raise own.RefusedError(
            f"--out {options.out}: cannot be written: {error.strerror or error}. Choose another "
            f"place."
        ) from error


def _find(own: Any, options: argparse.Namespace, about: dict[str, Any]) -> str:
    own.choose_runtime(own.FOLDER, "keras")  # or says what is missing: no other has gradients
    file = own.FOLDER / own.RUNTIMES["keras"][0]
    own.check_content(own.FOLDER, file.name)
    try:
        import keras

        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever a damaged archive runs into
        raise own.RefusedError(
            f"{file}: cannot be loaded by Keras: {own.first_line(error)}. {own.REMEDY}"
        ) from error
    picture, changed = _read_picture(own, options.find, model.output_shape[1:])
    return changed + find(own, options, about, model, picture)


def find(
    own: Any, options: argparse.Namespace, about: dict[str, Any], model: Any, picture: Array
) -> str:
    """Write a picture beside what is found for it, and its noise; return what to print.

    Args:
        own: As for `answer`.
        options: `label`, `seed` and `out` of them.
        about: What `generator.json` says.
        model: The generator, as Keras loads it.
        picture: uint8, (height, width, channels), of the generator's form.
    """
    names, projection = about["class_names"], own.load_beside("projection")
    labels = list(range(len(names)))
    if options.label is not None:
        labels = [own.asked_class(options.label, names)]
    found = projection.project(model, picture, about["output"], labels, seed=options.seed)
    name = "" if found.label is None else names[found.label]
    own.load_beside("sheets").draw_found(picture, found, name).save(options.out)
    noise, label = options.out.with_suffix(".npz"), found.label or 0
    np.savez(noise, noise=found.noise[None], labels=[label], pixels=found.pixels[None])
    said = projection.describe(found, name)
    return f"{options.out}: {said}\n{noise}: its noise, for --like and --walk"


def _read_picture(own: Any, file: Path, shape: tuple[int, int, int]) -> tuple[Array, str]:
    """Return a picture in a generator's form, and what was changed of it in a line."""
    height, width, channels = shape
    mode = "L" if channels == 1 else "RGB"
    try:
        with file.open("rb") as stream, Image.open(stream, formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(f"more than {_MOST_PIXELS:,} pixels")
            size, had = image.size, image.mode
            transparent = "A" in had or "transparency" in image.info
            upright = ImageOps.exif_transpose(image.convert("RGBA" if transparent else "RGB"))
    except Exception as error:  # Pillow raises whatever a damaged file runs into
        raise own.RefusedError(
            f"--find {file}: expected a sound {', '.join(_FORMATS)}; received "
            f"{own.first_line(error)}. Choose another picture."
        ) from error
    if transparent:
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    fitted = ImageOps.fit(upright, (width, height), Image.Resampling.BICUBIC).convert(mode)
    changed = ""
    if (size, had) != ((width, height), mode):
        form = f"{width} x {height} {'gray' if channels == 1 else 'RGB'}"
        changed = f"{file}: of {size[0]} x {size[1]} pixels ({had}), its middle made {form}\n"
    return np.asarray(fitted).reshape(shape), changed


def walk(own: Any, options: argparse.Namespace, about: dict[str, Any]) -> str:
    """Write a walk through the points that are asked for; return what to print.

    Args:
        own: As for `answer`.
        options: `walk`, `label`, `seconds`, `fps`, `runtime`, `folder` and `out` of them.
        about: What `generator.json` says.
    """
    points, known = _choose_points(own, options.walk, about)
    names, out, note = about["class_names"], options.out, ""
    labels = np.arange(min(len(names), _MOST_TILES)) if names else None
    if options.label is not None:
        labels = np.asarray([own.asked_class(options.label, names)])
    elif known is not None and len(set(known.tolist())) == 1:
        labels = known[:1]
    if out.suffix == ".mp4" and not importlib.util.find_spec("av"):
        out = out.with_suffix(".gif")
        note = f"note: an MP4 needs PyAV, not installed (pip install av): {out} instead.\n"
    draw = own.open_generator(options.folder, own.choose_runtime(options.folder, options.runtime))
    film = own.load_beside("latent_walk")
    frames = max(2, round((options.seconds or 2 * len(points)) * options.fps))

    def pixels(noise: Array, classes: Array | None) -> Array:
        return np.asarray(own.to_pixels(draw(noise, classes), about["output"]))

    pictures = film.tiled(pixels, labels, own.grid)
    half = out.with_name(f"part-{out.name}")
    try:
        film.write_walk(half, pictures, points, frames=frames, fps=options.fps)
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    return (
        f"{note}{out}: {frames / options.fps:g} s, {frames} pictures through {len(points)} points"
    )


def _choose_points(own: Any, text: str, about: dict[str, Any]) -> tuple[Array, Array | None]:
    """Return points (n, latent_dim), and their classes (n,) where all come from files.

    A seed means the first noise that `--seed` draws from it.
    """
    points: list[Array] = []
    labels: list[int | None] = []
    for part in filter(None, text.split(",")):
        label = None
        if part.isdecimal():
            rng = np.random.default_rng(int(part))
            noise = rng.standard_normal((1, about["latent_dim"]), np.float32)
        else:
            noise, label = own.read_inputs(Path(part), about)
        points.append(noise.astype(np.float32))
        labels += [None] * len(noise) if label is None else label.tolist()
    if len(labels) < 2:
        raise own.RefusedError(
            f"--walk: expected at least 2 points, such as 3,17,99; received {text}. Name seeds, "
            f"or files that --find or --out FILE.npz wrote."
        )
    return np.concatenate(points), None if None in labels else np.asarray(labels)


def _nearest(own: Any, options: argparse.Namespace, about: dict[str, Any]) -> str:
    names, sheets = about["class_names"], own.load_beside("sheets")
    noise, labels = own.choose_inputs(options, about)
    runtime = own.choose_runtime(own.FOLDER, options.runtime)
    images = own.open_generator(own.FOLDER, runtime)(noise, labels)
    drawn = own.to_pixels(images, about["output"])
    training = _read_training(own, options.nearest, drawn.shape[1:])
    flat = training.reshape(len(training), -1)
    count = min(_NEIGHBOURS, len(training))
    order, distances = sheets.nearest(drawn.reshape(len(drawn), -1), flat, count)
    captions = [[f"{each:.0f}" for each in row] for row in distances]
    titles = [""] * len(drawn) if labels is None else [names[label] for label in labels]
    sheets.draw_neighbours(drawn, titles, training, order, captions).save(options.out)
    return (
        f"{options.out}: {len(drawn)} images, each with the nearest of {len(training):,} by their "
        f"pixels; below them the distance in levels"
    )


def _read_training(own: Any, file: Path, shape: tuple[int, int, int]) -> Array:
    """Return training images, uint8 (n, height, width, channels), from an `.npy` or `.npz`."""
    try:
        if file.suffix == ".npz":
            with zipfile.ZipFile(file) as archive:  # a small file may claim gigabytes
                if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                    raise ValueError(f"more than {_MOST_BYTES:,} bytes")
            with np.load(file, allow_pickle=False) as arrays:
                name = next((each for each in _ARRAYS if each in arrays), "images")
                images = arrays[name]
        else:
            images = np.load(file, mmap_mode="r", allow_pickle=False)
        gray = images.ndim == 3 and shape[2] == 1
        images = images[..., None] if gray else images
        fault = ""
        if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
            fault = f"{images.dtype} {images.shape}"
    except Exception as error:  # a damaged archive raises whatever its parts do
        fault = own.first_line(error)
    if fault:
        raise own.RefusedError(
            f"--nearest {file}: expected training images, uint8 (n, "
            f"{', '.join(map(str, shape))}), as .npy or as {' or '.join(_ARRAYS)} in an .npz; "
            f"received {fault}. Save them so."
        )
    return np.asarray(images)
