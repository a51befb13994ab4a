"""Save the state of a training, and refuse every file that is not one."""

import io
import json
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import DamagedError, StorageError
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.training_folder import previous_file

STATE = {
    "step": np.array(7, np.int64),
    "generator/000_kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "generator/001_bias": np.array([np.nan, np.inf], np.float32),
    "meta": np.array([1], np.uint8),  # a name that must not clash with the dictionary
}
META = {"config": {"seed": 1}, "kimg": 2.048, "best": None}


class Loud:
    """Tell if anybody runs what a pickle says."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return open, ("executed", "w")


def save(path: Path) -> Path:
    save_checkpoint(path, STATE, META)
    return path


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path):
    state, meta = load_checkpoint(save(tmp_path / "checkpoint.npz"))
    assert meta == META
    assert list(state) == list(STATE)
    for name, value in STATE.items():
        assert state[name].dtype == value.dtype
        assert state[name].tobytes() == value.tobytes()
        assert state[name].shape == value.shape


def test_a_checkpoint_replaces_the_one_before_which_is_kept(tmp_path: Path):
    path = save(tmp_path / "checkpoint.npz")
    save_checkpoint(path, {"step": np.array(8)}, {"kimg": 3.0})
    state, meta = load_checkpoint(path)
    assert (int(state["step"]), meta) == (8, {"kimg": 3.0})
    save_checkpoint(path, {"step": np.array(9)}, {"kimg": 4.0})
    assert load_checkpoint(path)[1] == {"kimg": 4.0}
    assert load_checkpoint(previous_file(path))[1] == {"kimg": 3.0}
    assert {each.name for each in tmp_path.iterdir()} == {
        "checkpoint.npz", "checkpoint.previous.npz",
    }  # fmt: skip


def test_a_missing_file_says_so(tmp_path: Path):
    with pytest.raises(StorageError, match=r"absent\.npz: .*No such file"):
        load_checkpoint(tmp_path / "absent.npz")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path):
    whole = save(tmp_path / "checkpoint.npz").read_bytes()
    cut = tmp_path / "cut.npz"
    for length in range(0, len(whole) - 1, 37):
        cut.write_bytes(whole[:length])
        with pytest.raises(StorageError, match=r"cut\.npz: expected a checkpoint"):
            load_checkpoint(cut)


def test_a_flipped_bit_is_refused_or_harmless(tmp_path: Path):
    whole = save(tmp_path / "checkpoint.npz").read_bytes()
    path = tmp_path / "flipped.npz"
    refused = 0
    for place in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            state, meta = load_checkpoint(path)
        except StorageError:
            refused += 1
            continue
        # Some fields of a zip file mean nothing to a reader, such as dates.
        assert meta == META
        assert {k: v.tobytes() for k, v in state.items()} == {
            k: v.tobytes() for k, v in STATE.items()
        }
    assert refused > len(whole) / 11 / 3


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


META_BYTES = np.frombuffer(json.dumps(META).encode(), np.uint8)
WRONG = {
    "text": b"not a zip file at all",
    "empty": b"",
    "npy": npy([1, 2, 3]),
    "npz without the dictionary": npz(a=np.zeros(3)),
    "dictionary that is no JSON": npz(meta=np.frombuffer(b"{", np.uint8)),
    "dictionary that is no text": npz(meta=np.array([0xFF, 0xFE], np.uint8)),
    "list for a dictionary": npz(meta=np.frombuffer(b"[1]", np.uint8)),
}


@pytest.mark.parametrize("kind", WRONG)
def test_another_kind_of_file_is_refused(tmp_path: Path, kind: str):
    path = tmp_path / "wrong.npz"
    path.write_bytes(WRONG[kind])
    with pytest.raises(StorageError, match=r"wrong\.npz: expected a (checkpoint|dictionary)"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        npz(meta=META_BYTES, step=np.array([Loud()], dtype=object)),
        npz(meta=np.array([Loud()], dtype=object)),
        npy(np.array([Loud()], dtype=object)),
        pickle.dumps(Loud()),
    ],
    ids=["state", "meta", "npy", "pickle"],
)
def test_nothing_in_a_file_is_executed(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.npz").write_bytes(content)
    with pytest.raises(StorageError, match=r"evil\.npz: expected a checkpoint"):
        load_checkpoint(tmp_path / "evil.npz")
    assert not (tmp_path / "executed").exists()


def test_a_sound_archive_with_another_content_is_refused(tmp_path: Path):
    path = save(tmp_path / "checkpoint.npz")
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    content["state/step"] = np.array(8, np.int64)
    np.savez(path, **content)
    with pytest.raises(DamagedError, match="its content does not match its digest"):
        load_checkpoint(path)


def test_an_archive_that_unpacks_to_more_than_it_holds_is_refused_unread(tmp_path: Path):
    path = save(tmp_path / "checkpoint.npz")
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    # 64 MiB of zeros, some 64 KiB compressed.
    np.savez_compressed(path, **content, bomb=np.zeros(2**23))
    tracemalloc.start()
    with pytest.raises(DamagedError, match="its arrays claim more than the file holds"):
        load_checkpoint(path)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 2**22
