"""Give readers files made to fill the memory, to run code or to escape: all are refused."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.core.errors import HarnessError
from harness.training.checkpoint import load_checkpoint
from tests.fuzz.readers import READERS

GIGABYTE = 2**30


class Trap:
    """Write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.write_text, (self._path, "caught")


def npy(shape: tuple[int, ...], values: bytes = b"") -> bytes:
    header = repr({"descr": "|u1", "fortran_order": False, "shape": shape}) + "\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode() + values


def archive(compression: int, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def test_a_compression_bomb_is_refused_before_it_unfolds():
    zeros = bytes(600_000_000)
    bomb = archive(zipfile.ZIP_DEFLATED, meta=npy((len(zeros),), zeros))
    assert len(bomb) < 1_000_000
    assert READERS["checkpoint"].attempt(bomb) == "DamagedError"


@pytest.mark.parametrize("name", ["checkpoint", "images, npz", "data set, npz"])
def test_a_header_that_claims_a_terabyte_is_refused(name: str):
    content = npy((1024 * GIGABYTE,), b"\0" * 64)
    members = dict.fromkeys(("meta", "sha256", "images", "train_images", "test_images"), content)
    assert READERS[name].attempt(archive(zipfile.ZIP_STORED, **members)) != "value"


@pytest.mark.parametrize("name", ["checkpoint", "images, npz", "data set, npz"])
def test_pickled_objects_are_never_loaded(name: str, tmp_path: Path):
    trap = pickle.dumps(Trap(tmp_path / "trap"))
    header = repr({"descr": "|O", "fortran_order": False, "shape": (1,)}) + "\n"
    array = b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode() + trap
    names = ("meta", "sha256", "images", "train_images", "test_images")
    content = archive(zipfile.ZIP_STORED, **dict.fromkeys(names, array))
    assert READERS[name].attempt(content) != "value"
    assert READERS[name].attempt(trap) != "value"
    assert not (tmp_path / "trap").exists()
    pickle.loads(trap)  # noqa: S301 - the trap does work
    assert (tmp_path / "trap").exists()


@pytest.mark.parametrize("name", ["search space", "configuration", "enqueued"])
@pytest.mark.parametrize(
    "attack",
    [
        "!!python/object/apply:os.mkdir [{path}]",
        "!!python/object/new:os.mkdir {{args: [{path}]}}",
        "!!python/name:os.system",
        "!!python/module:os",
        "- !!python/object/apply:os.mkdir [{path}]",
        "batch_size: !!python/object/apply:os.mkdir [{path}]",
    ],
)
def test_yaml_makes_no_python_objects(name: str, attack: str, tmp_path: Path):
    target = tmp_path / "made"
    assert READERS[name].attempt(attack.format(path=target).encode()) == "ConfigError"
    assert not target.exists()


def test_aliases_cannot_multiply():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    for name in ("search space", "configuration", "enqueued"):
        assert READERS[name].attempt("\n".join(lines).encode()) == "ConfigError"


def test_thousands_of_conditions_take_no_hours():
    # 100 x 100 conditions against 2,500 variants: 25 million comparisons, 21 s before the limit.
    space = yaml.safe_load(READERS["search space"].seeds()[-2])
    hundred = {"choices": list(range(1, 101))}
    space["parameters"] |= {"generator.latent_dim": hundred, "generator.embedding_dim": hundred}
    space["parameters"]["generator.width"] = [
        {
            "when": {"generator.latent_dim": i % 100 + 1, "generator.embedding_dim": i // 100 + 1},
            "value": 8,
        }
        for i in range(2500)
    ]
    assert READERS["search space"].attempt(json.dumps(space).encode()) == "value"


@pytest.mark.parametrize("name", ["search space", "configuration", "outcome", "history"])
def test_deep_nesting_is_refused_not_followed(name: str):
    content = b"[" * 100_000
    expected = "value" if name == "history" else {"outcome": "StorageError"}.get(name)
    assert READERS[name].attempt(content) == (expected or "ConfigError")  # a last line may be cut


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "checkpoint.npz"
    meta = np.frombuffer(json.dumps([1]).encode(), dtype=np.uint8)
    np.savez(path, meta=meta)
    with pytest.raises(HarnessError, match="expected a checkpoint"):
        load_checkpoint(path)
