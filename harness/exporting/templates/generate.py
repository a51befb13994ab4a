"""Draw images with a trained generator: `python generate.py --class 3 --count 16 --seed 0`.

Needs NumPy, this folder, and one of onnxruntime, ai_edge_litert, keras and tensorflow, where its
file is in the folder. What `--find`, `--walk` and `--nearest` ask needs Pillow, too.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import math
import os
import runpy
import struct
import sys
import types
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent
BATCH = 250
MOST_BYTES = 2**30
REMEDY = "`sha256sum -c checksums.txt` tells what is damaged: restore it from a copy."
Array = NDArray[Any]
# Shape, None where any number will do, and type of each input by name; and what runs: from inputs
# by name to the images, in the network's own range.
Network = tuple[dict[str, tuple[tuple[int | None, ...], str]], Callable[[dict[str, Array]], Array]]


def load_onnxruntime(file: Path) -> Network:
    """Load an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    inputs = {}
    for each in session.get_inputs():
        kind = each.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple(size if isinstance(size, int) else None for size in each.shape)
        inputs[each.name] = shape, {"float": "float32", "double": "float64"}.get(kind, kind)
    return inputs, lambda given: np.asarray(session.run(None, given)[0])


def load_litert(file: Path) -> Network:
    """Load a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file))
    (signature,) = interpreter.get_signature_list()

    def run(inputs: dict[str, Array]) -> Array:
        runner = interpreter.get_signature_runner(signature)
        (images,) = runner(**inputs).values()  # fits the batch size by itself
        return np.asarray(images)

    details = interpreter.get_signature_runner(signature).get_input_details()
    inputs = {
        name: (
            tuple(int(size) if size > 0 else None for size in each["shape_signature"]),
            np.dtype(each["dtype"]).name,
        )
        for name, each in details.items()
    }
    return inputs, run


def load_keras(file: Path) -> Network:
    """Load a Keras file; safe mode runs no code that it may hold."""
    import keras

    model = keras.saving.load_model(file, compile=False, safe_mode=True)
    inputs = {each.name: (tuple(each.shape), str(each.dtype)) for each in model.inputs}
    return inputs, lambda given: np.asarray(model.predict_on_batch(given))


def load_tensorflow(folder: Path) -> Network:
    """Load a SavedModel."""
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    serve = model.signatures["serving_default"]

    def run(inputs: dict[str, Array]) -> Array:
        (images,) = serve(**{key: tf.constant(value) for key, value in inputs.items()}).values()
        return np.asarray(images.numpy())

    inputs = {
        name: (tuple(spec.shape), spec.dtype.name)
        for name, spec in serve.structured_input_signature[1].items()
    }
    return inputs, run


# What runs: the file it needs, the package that it is, and how it is loaded; lightest first.
RUNTIMES: dict[str, tuple[str, str, Callable[[Path], Network]]] = {
    "onnxruntime": ("generator.onnx", "onnxruntime", load_onnxruntime),
    "litert": ("generator.tflite", "ai_edge_litert", load_litert),
    "keras": ("generator.keras", "keras", load_keras),
    "tensorflow": ("savedmodel", "tensorflow", load_tensorflow),
}


# What is asked by options of these names: what they take, what they are for, what they write.
QUESTIONS = {
    "find": ("PICTURE", "what it draws that is most like a picture of yours", ["found.png"]),
    "walk": ("3,17,...", "a walk through seeds and --like files", ["walk.gif", "walk.mp4"]),
    "nearest": (
        "FILE",
        "training images, .npy or .npz, nearest to what it draws",
        ["nearest.png"],
    ),
}


class RefusedError(Exception):
    """Refuse, in one message: where, what was received, what is expected, the remedy."""


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `generator.json` says of the network."""
    file = folder / "generator.json"
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        sound = (
            type(about["latent_dim"]) is int
            and about["output"] in ("tanh", "sigmoid")
            and all(isinstance(name, str) for name in about["class_names"])
        )
        fault = "" if sound else "another type or value of these"
    except (KeyError, OSError, TypeError, ValueError) as error:
        about, fault = {}, first_line(error)
    if fault:
        raise RefusedError(
            f"{file}: expected JSON with latent_dim, output and class_names; received {fault}. "
            f"{REMEDY}"
        )
    return dict(about)


def choose_runtime(folder: Path, asked: str | None) -> str:
    """Return the runtime asked for, or the first whose file is there and package installed."""
    asked_for = [asked] if asked else list(RUNTIMES)
    there = [name for name in asked_for if (folder / RUNTIMES[name][0]).exists()]
    for name in there:
        if importlib.util.find_spec(RUNTIMES[name][1]):
            return name
    if not there:
        files = " or ".join(RUNTIMES[name][0] for name in asked_for)
        raise RefusedError(
            f"{folder}: holds no {files}, which the runtime {asked or '(any)'} needs. {REMEDY}"
        )
    packages = " or ".join(RUNTIMES[name][1] for name in there)
    raise RefusedError(f"{folder}: its files need {packages}, not installed. Install one by pip.")


Draw = Callable[[Array, Array | None], Array]
"""From noise (n, latent_dim) and labels (n,), None for no classes, to float32 images."""


def open_generator(folder: Path, runtime: str) -> Draw:
    """Return what draws with a bundle's network, loaded once."""
    file, _, load = RUNTIMES[runtime]
    check_content(folder, file)
    loaded: list[Network] = []

    def draw(noise: Array, labels: Array | None) -> Array:
        inputs = {"noise": noise.astype(np.float32)}
        if labels is not None:
            inputs["label"] = labels.astype(np.int32)
        starts = range(0, len(noise), BATCH)
        try:
            if not loaded:
                loaded.append(load(folder / file))
            network = loaded[0][1]
            return np.concatenate(
                [network({key: v[i : i + BATCH] for key, v in inputs.items()}) for i in starts]
            )
        except Exception as error:  # a runtime raises whatever it runs into
            raise RefusedError(
                f"{folder / file}: expected a generator that {runtime} runs; received "
                f"{type(error).__name__}: {first_line(error)}. {REMEDY} Or choose another "
                f"--runtime."
            ) from error

    return draw


def check_content(folder: Path, file: str) -> None:
    """Refuse a network that is another than `checksums.txt` lists, where there is that list."""
    checksums = folder / "checksums.txt"
    if not checksums.exists():
        return
    for line in checksums.read_text(encoding="utf-8", errors="replace").splitlines():
        expected, _, name = line.partition("  ")
        if name != file and not name.startswith(f"{file}/"):
            continue
        path = folder / name
        received = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
        if received != expected:
            raise RefusedError(
                f"{path}: expected SHA-256 {expected}; received {received}. {REMEDY} Or choose "
                f"another --runtime."
            )


def first_line(error: Exception) -> str:
    """Return what an error says, in a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")


def to_pixels(images: Array, output: str) -> Array:
    """Return images of the range of `tanh` or `sigmoid` as uint8, 0 to 255."""
    levels = (images + 1.0) * 127.5 if output == "tanh" else images * 255.0
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def grid(pixels: Array, columns: int = 0) -> Array:
    """Return images (n, height, width, channels) as one picture, by default nearly square."""
    count, height, width, channels = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * columns, height, width, channels), 255, np.uint8)
    canvas[:count] = pixels
    cells = canvas.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * height, columns * width, channels)


def write_png(file: Path, picture: Array) -> None:
    """Write a picture (height, width, 1 or 3), uint8, as PNG."""
    height, width, channels = picture.shape
    # Each row begins with its filter: 0, none.
    lines = np.pad(picture.reshape(height, width * channels), ((0, 0), (1, 0)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    colour = 2 if channels == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))


def write(out: Path, pixels: Array, images: Array, noise: Array, labels: Array | None) -> None:
    """Write pixels (n, height, width, channels), and in an `.npz` what they come from."""
    try:
        if out.suffix == ".png":
            write_png(out, grid(pixels))
        elif out.suffix == ".npy":
            np.save(out, pixels)
        else:
            kept = np.zeros(len(noise), np.int32) if labels is None else labels
            np.savez(out, pixels=pixels, images=images, noise=noise, labels=kept)
    except OSError as error:
        raise RefusedError(
            f"--out {out}: cannot be written: {error.strerror}. Choose another place."
        ) from error


def choose_inputs(
    options: argparse.Namespace, about: dict[str, Any]
) -> tuple[Array, Array | None]:
    """Return noise (n, latent_dim) and labels (n,), None for an unconditional generator."""
    names = about["class_names"]
    if options.like:
        return read_inputs(options.like, about)
    generator = np.random.default_rng(options.seed)
    noise = generator.standard_normal((options.count, about["latent_dim"]), np.float32)
    if options.label is None:
        return noise, np.arange(options.count) % len(names) if names else None
    return noise, np.full(options.count, asked_class(options.label, names))


def asked_class(label: str, names: list[str]) -> int:
    """Return the number of the class asked for."""
    number = class_number(label, names)
    if number is None:
        classes = ", ".join(f"{number} {name}" for number, name in enumerate(names))
        raise RefusedError(
            f"--class: received {label}; expected "
            f"{f'one of {classes}' if classes else 'none, for the generator has no classes'}."
        )
    return number


def class_number(wanted: str, names: list[str]) -> int | None:
    """Return the class of a name, or of a number where no name is one; None for no class."""
    if wanted in names:
        return names.index(wanted)
    alike = [number for number, name in enumerate(names) if name.lower() == wanted.lower()]
    if len(alike) == 1:
        return alike[0]
    # Among names such as 1, 2, 3 a number that is none of them must not mean another class.
    numbered = any(name.isdecimal() for name in names)
    known = [str(number) for number in range(len(names)) if not numbered]
    return known.index(wanted) if wanted in known else None


def read_inputs(file: Path, about: dict[str, Any]) -> tuple[Array, Array | None]:
    """Return the noise and the labels of an earlier `--out FILE.npz`."""
    names = about["class_names"]
    try:
        with zipfile.ZipFile(file) as archive:  # a small file may claim gigabytes
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES:,} bytes")
        with np.load(file, allow_pickle=False) as drawn:
            noise, labels = drawn["noise"], drawn["labels"] if names else None
        fits = noise.ndim == 2 and len(noise) > 0 and noise.shape[1] == about["latent_dim"]
        if labels is not None:
            fits = fits and labels.shape == (len(noise),)
            fits = fits and bool(np.isin(labels, range(len(names))).all())
        fault = "" if fits else "others"
    except Exception as error:  # a damaged archive raises whatever its parts do
        fault = first_line(error)
    if fault:
        raise RefusedError(
            f"--like {file}: expected noise (n, {about['latent_dim']}) and labels (n,), as "
            f"--out FILE.npz writes them; received {fault}. Draw the file again."
        )
    return noise, labels


def load_beside(name: str) -> Any:
    """Return a module of the folder `questions`, which only what is asked there needs."""
    file = FOLDER / "questions" / f"{name}.py"
    if not file.is_file():
        raise RefusedError(f"{file}: expected a part of this program; received no file. {REMEDY}")
    # Unlike an import it leaves no compiled file: the folder stays as it was exported.
    return types.SimpleNamespace(**runpy.run_path(str(file)))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("--class", dest="label", help="number or name; by default all in turn")
    parser.add_argument("--count", type=int, default=16, help="how many images (16)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (0)")
    parser.add_argument(
        "--like", type=Path, metavar="FILE.npz", help="take noise and labels from an earlier --out"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="a grid as .png, the pixels as .npy, or with noise and labels as .npz (images.png)",
    )
    parser.add_argument("--runtime", choices=RUNTIMES, help="by default the first that can run")
    group = parser.add_mutually_exclusive_group()
    for name, (metavar, said, _) in QUESTIONS.items():
        kind = str if name == "walk" else Path
        group.add_argument(f"--{name}", type=kind, metavar=metavar, help=said)
    parser.add_argument("--seconds", type=float, help="of a walk (2 a point)")
    parser.add_argument("--fps", type=int, default=25, help="pictures a second of a walk (25)")
    options = parser.parse_args(arguments, argparse.Namespace(folder=FOLDER))
    if options.count < 1 or options.seed < 0:
        parser.error("--count must be at least 1 and --seed at least 0")
    asked = next((name for name in QUESTIONS if getattr(options, name) is not None), None)
    files = QUESTIONS[asked][2] if asked else ["images.png", "images.npy", "images.npz"]
    options.out = options.out or Path(files[0])
    ends = [Path(each).suffix for each in files]
    if options.out.suffix not in ends:
        parser.error(f"--out must end in {' or '.join(ends)}; received {options.out}")
    if options.fps not in range(1, 101) or not 0 < (options.seconds or 1) < math.inf:
        parser.error("--fps must be 1 to 100 and --seconds above 0")
    return options


def main() -> None:
    """Draw what the command line asks for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parse()
    try:
        about = read_description(FOLDER)
        if any(getattr(options, name) for name in QUESTIONS):
            if not importlib.util.find_spec("PIL"):
                raise RefusedError(
                    "What is asked needs Pillow, not installed: pip install pillow."
                )
            print(load_beside("answers").answer(sys.modules[__name__], options, about))
            return
        runtime = choose_runtime(FOLDER, options.runtime)
        noise, labels = choose_inputs(options, about)
        images = open_generator(FOLDER, runtime)(noise, labels)
        pixels = to_pixels(images, about["output"])
        write(options.out, pixels, images, noise, labels)
    except RefusedError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    version = importlib.metadata.version(RUNTIMES[runtime][1])
    print(f"{options.out}: {len(pixels)} images by {runtime} {version}")


if __name__ == "__main__":
    main()
