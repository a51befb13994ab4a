"""Send files between a study's folder and a scratch folder, within their bounds."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from harness.backends.backend import (
    EventMessage,
    JobEnded,
    WorkerReady,
    WorkerRefused,
    WorkerSetup,
)
from harness.backends.ray.file_transfer import (
    LARGEST_FILE_BYTES,
    FileSet,
    FolderDiff,
    pack,
    pack_inputs,
    unpack,
    unpack_inputs,
)
from harness.backends.ray.worker_actor import JobMessage, WorkerFiles
from harness.core.errors import ConfigError, StorageError
from harness.core.events import Progressed, RungScored
from harness.core.score import Protocol, Score
from harness.data.image_dataset import ImageDataset, Split
from harness.gan.presets import load_preset
from harness.training.job import TestScoring, TrainingJob
from harness.training.training_folder import TrainingFolder

PROGRESSED = EventMessage(Progressed(1.0, 0.1, 0.2, 0.5, 0.5, 100.0, 1.0))
SCORE = Score(3.0, 1.0, 0, Protocol("fid", "x", "0" * 64, 10, "r", "0" * 64))
RUNG_SCORED = EventMessage(RungScored(1.0, 0, SCORE, SCORE, "grid.png", 1.0, None))


def folder(path: Path, **files: bytes) -> TrainingFolder:
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return TrainingFolder(path)


def contents(folder: TrainingFolder) -> dict[str, bytes]:
    paths = (path for path in folder.path.rglob("*") if path.is_file())
    return {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in paths}


def job(folder: TrainingFolder) -> TrainingJob:
    return TrainingJob(load_preset("mlp_cgan"), folder, (1.0,), 0, "0000")


def test_what_a_session_goes_on_from_arrives_and_nothing_else(tmp_path: Path):
    needed = {"checkpoint.npz": b"2", "checkpoint.previous.npz": b"1", "generator.keras": b"g"}
    study = folder(tmp_path / "a", **{name.replace(".", "__"): c for name, c in needed.items()})
    (study.path / "grids").mkdir()
    (study.path / "grids" / "one.png").write_bytes(b"picture")
    scratch = folder(tmp_path / "b")
    unpack(pack(study), scratch)
    assert contents(scratch) == needed


def test_what_changed_is_sent_back_and_a_new_checkpoint_keeps_the_one_before(tmp_path: Path):
    study = folder(tmp_path / "a", checkpoint__npz=b"1", generator__keras=b"g")
    scratch = folder(tmp_path / "b", checkpoint__npz=b"1", generator__keras=b"g")
    diff = FolderDiff(scratch)
    assert diff.changes() == FileSet({})
    (scratch.path / "checkpoint.npz").replace(scratch.previous_checkpoint_file)
    (scratch.path / "checkpoint.npz").write_bytes(b"22")
    (scratch.path / "grids").mkdir()
    (scratch.path / "grids" / "one.png").write_bytes(b"picture")
    (scratch.path / ".x.tmp.npz").write_bytes(b"unfinished")
    (scratch.path / "generator.keras").unlink()
    file_set = diff.changes()
    assert file_set.bytes == 2 + 7
    assert diff.changes() == FileSet({})
    unpack(file_set, study)
    assert contents(study) == {
        "checkpoint.npz": b"22",
        "checkpoint.previous.npz": b"1",
        "grids/one.png": b"picture",
    }


def test_no_file_is_sent_that_is_too_large_or_lies_elsewhere(tmp_path: Path):
    scratch = folder(tmp_path / "a")
    diff = FolderDiff(scratch)
    with scratch.checkpoint_file.open("wb") as sparse:
        sparse.truncate(LARGEST_FILE_BYTES + 1)
    for too_large in (diff.changes, lambda: pack(scratch)):
        with pytest.raises(StorageError, match=r"has 1073741825 bytes; .* --studies-dir"):
            too_large()
    for name in ("../x", "/x", "a/../../x", ""):
        with pytest.raises(StorageError, match="outside of it"):
            unpack(FileSet({name: b""}), scratch)


def test_a_worker_keeps_to_the_rate_between_rungs_and_not_at_them(tmp_path: Path):
    worker_files = WorkerFiles(bytes_per_second=200_000)
    study = folder(tmp_path / "a")
    scratch = worker_files.place(JobMessage(job(study), None, FileSet({}))).folder
    began, sent, rewritten = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < 0.5:
        scratch.checkpoint_file.write_bytes(os.urandom(10_000))
        rewritten += 10_000
        worker_message = worker_files.add_changes(PROGRESSED)
        sent += worker_message.file_set.bytes if worker_message.file_set else 0
        time.sleep(0.002)
    # One is sent before anything had to be waited for.
    assert 0 < sent <= 200_000 * passed + 10_000
    assert rewritten > sent
    for must in (
        RUNG_SCORED,
        PROGRESSED,
        JobEnded(1.0),
    ):  # the rung's checkpoint follows its score
        scratch.checkpoint_file.write_bytes(os.urandom(10_000))
        worker_message = worker_files.add_changes(must)
        assert worker_message.file_set is not None
        assert worker_message.file_set.bytes == 10_000, must
    assert not scratch.path.exists()
    worker_files.close()
    assert not worker_files.folder.exists()


def test_a_worker_writes_where_it_sees_the_study_and_refuses_if_it_must_but_does_not(
    tmp_path: Path,
):
    worker_files = WorkerFiles(bytes_per_second=1.0)
    job_message = JobMessage(job(folder(tmp_path / "a", mark=b"")), tmp_path / "a" / "mark", None)
    assert worker_files.place(job_message) == job_message.job
    assert worker_files.add_changes(PROGRESSED).file_set is None
    (tmp_path / "a" / "mark").unlink()
    with pytest.raises(ConfigError, match=r"--files shared: a node .* does not see .*/a\. Choose"):
        worker_files.place(job_message)
    assert worker_files.add_changes(WorkerRefused(ConfigError("x"))).file_set is None
    assert worker_files.add_changes(WorkerReady(SCORE.protocol)).file_set is None
    worker_files.close()


def test_what_killed_workers_left_is_removed_by_the_next(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lives, killed = WorkerFiles(1.0), WorkerFiles(1.0)
    killed._lock.close()  # as the system does
    for worker_files in (lives, killed):
        os.utime(worker_files.folder, (0, 0))
    fresh = WorkerFiles(1.0)
    assert set(tmp_path.iterdir()) == {lives.folder, fresh.folder}
    for worker_files in (lives, fresh):
        worker_files.close()


def test_weights_are_sent_with_the_images(tmp_path: Path):
    split = Split("x/train", np.zeros((2, 4, 4, 1), np.uint8))
    images = ImageDataset("x", split, split, split)
    own = folder(tmp_path / "own", extractor__json=b"{}", weights__npz=b"w").path
    file = tmp_path / "inception.safetensors"
    file.write_bytes(b"inception")
    setup = WorkerSetup(
        "x", tmp_path, str(own), "fid", 10, threads=1, test_scoring=TestScoring("inception", file)
    )
    there = unpack_inputs(pack_inputs(setup, images), setup, tmp_path / "node")
    assert there.dataset is images
    assert Path(there.extractor).is_relative_to(tmp_path / "node")
    assert contents(TrainingFolder(Path(there.extractor))) == {
        "extractor.json": b"{}",
        "weights.npz": b"w",
    }
    assert there.test_scoring is not None
    assert there.test_scoring.extractor == "inception"
    assert there.test_scoring.weights is not None
    assert there.test_scoring.weights.is_relative_to(tmp_path / "node")
    assert there.test_scoring.weights.read_bytes() == b"inception"
    assert there.test_scoring.weights.suffix == ".safetensors"
