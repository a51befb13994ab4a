"""Make sound inputs of every kind, and name the commands that each is given to."""

import dataclasses
import gzip
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml

from harness.exporting.bundle_folder import write_checksums
from harness.metrics.extractors import feature_extractor
from harness.training.training_folder import TrainingFolder
from tests.exporting.explorable import make_explorable
from tests.fuzz import bombs
from tests.hostile.twins import HUGE_BYTES, STEERING
from tests.hostile.watcher import CANARY, MARKUP
from tests.support.endings import SPACE

_FITS = "?size=28&channels=1"


@dataclasses.dataclass(frozen=True)
class Input:
    """One kind of input.

    Args:
        name: What it is.
        files: Those of its files that are given in hostile forms, relative to its place.
        commands: What it is given to; `{}` stands for it.
        make: Writes a sound one at a path.
        loads: Whether a command loads TensorFlow for it.
    """

    name: str
    files: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    make: Callable[[Path], None]
    loads: bool = False


def _space(path: Path) -> None:
    path.write_text(yaml.safe_dump(SPACE, sort_keys=False))


def _config(path: Path) -> None:
    generator = {"name": "mlp", "latent_dim": 8, "width": 16, "depth": 1}
    path.write_text(yaml.safe_dump({"batch_size": 16, "generator": generator}))


def _enqueued(path: Path) -> None:
    path.write_text(yaml.safe_dump([{"batch_size": 64}]))


def _npz(path: Path) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 28, 28), np.uint8), np.arange(400) % 4
    parts = {"images": images, "labels": labels, "train_images": images, "train_labels": labels}
    parts |= {"test_images": images, "test_labels": labels}
    np.savez(path, **parts, class_names=np.array(list("abcd")))


def _idx(path: Path) -> None:
    content = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (400, 28, 28))
    path.write_bytes(gzip.compress(content + bytes(range(256)) * 1225 + bytes(0)))


def _csv(path: Path) -> None:
    lines = [",".join(map(str, [row % 4, *([row % 256] * 784)])) for row in range(400)]
    path.write_text("\n".join(lines))


def _folder(path: Path) -> None:
    for name in ("a", "b"):
        (path / name).mkdir(parents=True)
        for number in range(200):
            image = np.full((28, 28), number, np.uint8)
            buffer = io.BytesIO()
            bombs.Image.fromarray(image).save(buffer, "PNG")
            (path / name / f"{number}.png").write_bytes(buffer.getvalue())


def _extractor(path: Path) -> None:
    shipped = Path(feature_extractor.__file__).parent
    source = next(file.parent for file in sorted(shipped.rglob("extractor.json")))
    shutil.copytree(source, path)


def _bundle(path: Path) -> None:
    make_explorable(path)
    write_checksums(path)


def _network(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {}}))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(100))


def _training(path: Path) -> None:
    shutil.copytree(os.environ["HOSTILE_TRIAL"], path)
    folder = TrainingFolder(path)
    config = folder.read_config()
    folder.outcome_file.unlink(missing_ok=True)
    record = {
        "id": "one",
        "kimg": 4.0,
        "dataset": "fashion_mnist",
        "extractor": "fashion_cnn",
        "metric": "fid",
        "num_images": 1000,
        "config": config.model_dump(mode="json"),
        "monitor": {},
    }
    (path / "training.json").write_text(json.dumps(record))


_OF_NPZ = ("evaluate", "sound.npz", "--num-images", "400", "--out", "out.json", "--dataset")
INPUTS = (
    Input("search space", ("",), (("@begin-sweep", "{}"),), _space),
    Input("configuration", ("",), (("@begin-training", "config", "{}"),), _config),
    Input("enqueued", ("",), (("@begin-sweep", "space.yaml", "{}"),), _enqueued),
    Input(
        "training",
        ("training.json", "checkpoint.npz", "history.jsonl", "config.yaml"),
        (("@begin-training", "continue_from", "{}"),),
        _training,
    ),
    Input(
        "bundle",
        ("checksums.txt", "generator.json", "explorer.html", "explorer/directions.json"),
        (("explore", "{}", "--port", "0", "--no-browser"),),
        _bundle,
    ),
    Input(
        "Fashion-MNIST",
        ("t10k-labels-idx1-ubyte.gz",),
        (("fetch-data", "--data-dir", "{}"),),
        lambda path: path.mkdir(),
    ),
    Input("images, npz", ("",), (("evaluate", "{}", "--num-images", "400"),), _npz, loads=True),
    Input(
        "images, folder",
        ("a/0.png", "a"),
        (("evaluate", "{}", "--num-images", "400"),),
        _folder,
        loads=True,
    ),
    Input("network", ("",), (("evaluate", "{}", "--num-images", "400"),), _network, loads=True),
    Input("data set, npz", ("",), ((*_OF_NPZ, "npz:{}"),), _npz, loads=True),
    Input("data set, idx", ("",), ((*_OF_NPZ, "idx:{}"),), _idx, loads=True),
    Input("data set, csv", ("",), ((*_OF_NPZ, "csv:{}"),), _csv, loads=True),
    Input(
        "data set, folder",
        ("a/0.png", "a"),
        ((*_OF_NPZ, "folder:{}" + _FITS),),
        _folder,
        loads=True,
    ),
    Input(
        "extractor",
        ("extractor.json", "weights.npz"),
        ((*_OF_NPZ, "fashion_mnist", "--extractor", "{}"),),
        _extractor,
        loads=True,
    ),
    Input(
        "weights",
        ("",),
        ((*_OF_NPZ, "fashion_mnist", "--extractor", "inception", "--weights", "{}"),),
        lambda path: path.write_bytes(bytes(1000)) and None,
        loads=True,
    ),
)
"""Every kind of input of a command that somebody may have sent."""

_SUFFIXES = {
    "search space": ".yaml",
    "configuration": ".yaml",
    "enqueued": ".yaml",
    "images, npz": ".npz",
    "data set, npz": ".npz",
    "data set, idx": "-images-idx3-ubyte.gz",
    "data set, csv": ".csv",
    "network": ".keras",
    "weights": ".npz",
}


def place_of(given: Input, folder: Path) -> Path:
    """Return where an input is written: readers look at the ends of names."""
    return folder / f"given{_SUFFIXES.get(given.name, '')}"


def forms(file: str) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield the hostile forms of a file of an input; what is at its path is replaced."""

    def half(path: Path, before: bytes) -> None:
        path.write_bytes(before[: len(before) // 2])

    def huge(path: Path, before: bytes) -> None:
        path.write_bytes(before)
        os.truncate(path, HUGE_BYTES)

    made: dict[str, Callable[[Path, bytes], None]] = {
        "a device": lambda path, _: path.symlink_to("/dev/zero"),
        "a link to nothing": lambda path, _: path.symlink_to("nothing"),
        "a folder": lambda path, _: path.mkdir(),
        "empty": lambda path, _: path.touch(),
        "half": half,
        "huge": huge,
        "no UTF-8": lambda path, _: path.write_bytes(b"\xff\xfe\x00\x80" * 100),
        "markup": lambda path, _: path.write_text(MARKUP + STEERING),
        "nested": lambda path, _: path.write_text("[" * 100_000),
        "traversal": lambda path, _: path.write_text(f'{{"name": "../{CANARY[:2]}/x.py:f"}}'),
        "NaN": lambda path, before: path.write_bytes(_not_finite(before)),
        "a bomb": lambda path, _: path.write_bytes(_bomb_of(path)),
    }

    def replaced(make: Callable[[Path, bytes], None]) -> Callable[[Path], None]:
        def change(path: Path) -> None:
            before = path.read_bytes() if path.is_file() else b""
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            make(path, before)

        return change

    for form, make in made.items():
        yield form, replaced(make)


def _not_finite(content: bytes) -> bytes:
    """Return a text in which numbers are none; other content as noise of its length."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return bytes(reversed(content))
    return "".join("NaN" if each in "123456789" else each for each in text).encode()


def _bomb_of(path: Path) -> bytes:
    kinds = {".npz": "npz, zeros", ".gz": "idx, gzip", ".csv": "csv", ".png": "png"}
    return bombs.BOMBS[kinds.get(path.suffix, "keras")][1]()
