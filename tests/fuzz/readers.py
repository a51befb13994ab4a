"""Every reader of files that somebody else may have written, with sound files to start from."""

import dataclasses
import gzip
import io
import json
import resource
import signal
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import yaml
from PIL import ExifTags, Image

from harness.core.errors import HarnessError
from harness.core.events import Finished, Progressed, RungScored, Started, to_record
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.core.yaml_file import shipped_yaml
from harness.data.datasets import load_dataset
from harness.data.fitting import ImageForm
from harness.data.readers.idx import read_idx
from harness.data.readers.image_files import read_images
from harness.data.readers.image_folder import load_folder
from harness.data.request import DatasetRequest
from harness.gan.config.config import GANConfig
from harness.gan.presets import load_config
from harness.space.enqueue import load_enqueued
from harness.space.space import SearchSpace
from harness.study.record import StudyRecord, read_study
from harness.tracking.jsonl_tracker import read_history
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.training_folder import TrainingFolder

MOST_SECONDS = 5
MOST_MEGABYTES = 500

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
SCORE = Score(20.5, 1.024, 7, PROTOCOL, (20.1, 20.9))
OUTCOME = Outcome(Reason.FINISHED, "fid 20.500", 1.024, 3.5, SCORE, SCORE)
EVENTS = (
    Started(0.0, 100, 200),
    Progressed(0.512, 0.7, 1.3, 0.6, 0.4, 3000.0, 0.5),
    RungScored(1.024, 0, SCORE, SCORE, "grids/kimg_000001_024.png", 1.5),
    Finished(OUTCOME),
)
RECORD = StudyRecord(
    "4f0c", "s", 0, "fashion_mnist", dataclasses.asdict(PROTOCOL), "2026-01-01T00:00:00+00:00"
)


class Hang(BaseException):
    """Say that a reader took longer than `MOST_SECONDS`."""


class Greed(BaseException):
    """Say that a reader took more than `MOST_MEGABYTES`."""


@dataclasses.dataclass(frozen=True)
class Reader:
    """Hold one reader.

    Args:
        file: Name of the file it is given; some look at the suffix.
        read: Returns a value or raises a HarnessError.
        seeds: Makes sound files.
        words: What such files consist of, where they are text.
    """

    file: str
    read: Callable[[Path], object]
    seeds: Callable[[], tuple[bytes, ...]]
    words: tuple[str, ...] = ()

    def attempt(self, content: bytes) -> str:
        """Read one input; return `value` or the name of the HarnessError."""
        before = _peak_megabytes()
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, _limited_time():
            path = Path(folder) / self.file
            path.write_bytes(content)
            try:
                self.read(path)
            except HarnessError as error:
                result = type(error).__name__
            else:
                result = "value"
        if _peak_megabytes() - before > MOST_MEGABYTES:
            raise Greed(f"{_peak_megabytes() - before:.0f} MiB for {len(content)} bytes")
        return result


class _limited_time:  # noqa: N801 - used as a statement
    """Limit the time on a processor: a busy machine is no hang."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGPROF, self._ring)
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    @staticmethod
    def _ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {MOST_SECONDS} s of a processor")


def _peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _spaces() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in shipped_yaml("search_spaces").values())


def _presets() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in shipped_yaml("search_spaces/presets").values())


def _enqueued() -> tuple[bytes, ...]:
    entries = [
        {"generator.name": "mlp", "generator.width": 64, "generator.latent_dim": 64},
        {"generator": {"name": "dcgan"}, "loss": {"name": "hinge"}},
    ]
    return (yaml.safe_dump(entries).encode(),)


def _idx() -> tuple[bytes, ...]:
    labels = b"\0\0\x08\x01" + struct.pack(">I", 5) + bytes(range(5))
    images = b"\0\0\x08\x03" + struct.pack(">III", 2, 3, 4) + bytes(24)
    return labels, images


def _idx_gz() -> tuple[bytes, ...]:
    return tuple(gzip.compress(content, mtime=0) for content in _idx())


def _npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _compressed(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _dataset_npz() -> tuple[bytes, ...]:
    images = np.arange(12 * 64, dtype=np.uint16).astype(np.uint8).reshape(12, 8, 8)
    labels = np.arange(12) % 2
    parts = {
        "train_images": images,
        "train_labels": labels,
        "test_images": images,
        "test_labels": labels,
        "class_names": np.array(["a", "b"]),
    }
    return _npz(**parts), _compressed(**parts), _npz(train_images=images, test_images=images)


def _dataset_idx() -> tuple[bytes, ...]:
    return (b"\0\0\x08\x03" + struct.pack(">III", 12, 4, 4) + bytes(12 * 16),)


def _dataset_csv() -> tuple[bytes, ...]:
    lines = [",".join(map(str, [row % 2, *range(row, row + 16)])) for row in range(12)]
    header = ",".join(["label", *(f"pixel{i}" for i in range(1, 17))])
    return "\n".join(lines).encode(), "\r\n".join([header, *lines, ""]).encode()


def _pictures() -> tuple[bytes, ...]:
    """Return a picture in each of the modes that are converted."""
    base = Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12))
    exif = base.getexif()
    exif[ExifTags.Base.Orientation] = 6
    found = []
    for mode, kind in (("P", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("CMYK", "JPEG")):
        buffer = io.BytesIO()
        base.convert(mode).save(buffer, kind, exif=exif)
        found.append(buffer.getvalue())
    return (*found, *_png())


def _requests() -> tuple[bytes, ...]:
    whole = b"folder:x?size=32&fit=crop&channels=3&classes=0,3,7&split=80,10,10"
    return whole, b"fashion_mnist?classes=3", b"npz:a?.npz"


def _images_npz() -> tuple[bytes, ...]:
    images = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)
    labels = np.array([2, 0, 1])
    return _npz(images=images, labels=labels), _compressed(images=images[..., 0])


def _png() -> tuple[bytes, ...]:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = []
    for kind in ("PNG", "GIF", "JPEG", "BMP", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        found.append(buffer.getvalue())
    return tuple(found)


def _checkpoint() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.npz"
        state = {"weights": np.ones((3, 4), np.float32), "step": np.array(7)}
        save_checkpoint(path, state, {"kimg": 1.0, "best": None})
        return (path.read_bytes(),)


def _history() -> tuple[bytes, ...]:
    lines = [json.dumps(to_record(event)) for event in EVENTS]
    return ("\n".join(lines).encode() + b"\n",)


def _outcome() -> tuple[bytes, ...]:
    return tuple(
        json.dumps(outcome.to_dict(), indent=2).encode()
        for outcome in (OUTCOME, Outcome(Reason.DIVERGED, "loss not finite", 0.1, 2.0))
    )


def _record() -> tuple[bytes, ...]:
    return (json.dumps(dataclasses.asdict(RECORD), indent=2).encode(),)


_SPACE = SearchSpace.load("default")
_CONFIG_WORDS = tuple(
    word
    for name, field in GANConfig.model_fields.items()
    for word in (name, *getattr(field.annotation, "model_fields", ()))
)
_SPACE_WORDS = (
    "name",
    "description",
    "dataset",
    "parameters",
    "budget",
    "sampler",
    "pruner",
    "protocol",
    "value",
    "choices",
    "low",
    "high",
    "step",
    "log",
    "when",
    "rungs_kimg",
    "max_relative_cost",
    "min_trials",
    "reduction_factor",
    "extractor",
    "num_images",
    "n_startup_trials",
    "wrapped",
    "generator.name",
    "generator.width",
    "loss.name",
    "batch_size",
    "mlp",
    "dcgan",
    "tpe",
    "patient",
    "median",
    "fashion_mnist",
)
_OUTCOME_WORDS = tuple(OUTCOME.to_dict()) + tuple(SCORE.to_dict())

READERS: dict[str, Reader] = {
    "search space": Reader(
        "s.yaml", lambda path: SearchSpace.load(str(path)), _spaces, _SPACE_WORDS
    ),
    "configuration": Reader("c.yaml", load_config, _presets, _CONFIG_WORDS),
    "enqueued": Reader(
        "e.yaml", lambda path: load_enqueued(path, _SPACE.parameters), _enqueued, _CONFIG_WORDS
    ),
    "idx": Reader("i-ubyte", read_idx, _idx),
    "idx, gzip": Reader("i-ubyte.gz", read_idx, _idx_gz),
    "data set, npz": Reader("d.npz", lambda path: load_dataset(f"npz:{path}"), _dataset_npz),
    "data set, idx": Reader(
        "i-images-idx3-ubyte", lambda path: load_dataset(f"idx:{path}"), _dataset_idx
    ),
    "data set, csv": Reader("d.csv", lambda path: load_dataset(f"csv:{path}"), _dataset_csv),
    "data set, folder": Reader(
        "i.png", lambda path: load_folder(path.parent, ImageForm(32)), _pictures
    ),
    "data set's text": Reader(
        "t", lambda path: DatasetRequest.parse(path.read_text("utf-8", "replace")), _requests
    ),
    "images, npz": Reader("i.npz", read_images, _images_npz),
    "images, folder": Reader("i.png", lambda path: read_images(path.parent), _png),
    "checkpoint": Reader("checkpoint.npz", load_checkpoint, _checkpoint),
    "history": Reader("history.jsonl", read_history, _history, _OUTCOME_WORDS),
    "outcome": Reader(
        "outcome.json", lambda p: TrainingFolder(p.parent).read_outcome(), _outcome, _OUTCOME_WORDS
    ),
    "study record": Reader(
        "study.json",
        lambda path: read_study(path.parent),
        _record,
        tuple(dataclasses.asdict(RECORD)),
    ),
}
