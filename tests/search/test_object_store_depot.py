"""Bring large files to an object store from where they are made, and let the store copy them."""

import contextlib
import dataclasses
from pathlib import Path

import pytest

from harness.backends.cluster import Cluster
from harness.backends.ray.file_set import FileSet
from harness.core.errors import StorageError
from harness.core.events import Event, Progressed, Started
from harness.runner.study_runner import StudyRunner
from harness.search.object_store import depot
from harness.search.object_store.depot import Depot, find_depot, staged
from harness.search.object_store.mirror import Mirror
from harness.search.object_store.opening import studies_at
from harness.search.object_store.session import mirror_folder
from harness.search.object_store.store import ObjectStore
from harness.search.object_store.upload import Upload
from tests.support.endings import SPACE
from tests.support.ray_machines import Notes, options, ray, running_machines, small_space

NAME = "small"
LARGE = bytes(depot.LARGE_BYTES)
WIDE = SPACE["parameters"] | {
    "generator.learning_rate": {"value": 2.0e-3},
    "discriminator.learning_rate": {"value": 2.0e-3},
    "generator.width": {"value": 256},
    "discriminator.name": {"value": "mlp"},
    "discriminator.widths": {"value": [256]},
}


def test_large_files_go_by_the_store_and_small_ones_along(url: str):
    place = Depot(url, NAME)
    assert place.is_open()
    sent = place.leave(FileSet({"checkpoint.npz": LARGE, "grids/a.png": b"small"}, ("old",)))
    assert dict(sent.files) == {"grids/a.png": b"small"}
    assert sent.stored == {"checkpoint.npz": staged(LARGE)}
    assert place.collect(sent) == FileSet(
        {"checkpoint.npz": LARGE, "grids/a.png": b"small"}, ("old",)
    )
    ObjectStore(url).write(f"{NAME}/{staged(LARGE)}", b"something else")
    with pytest.raises(StorageError, match="is missing or damaged"):
        place.collect(sent)


def test_a_node_without_credentials_says_so(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert not Depot("s3://no-such-bucket/here", NAME).is_open()


def test_the_store_copies_what_a_worker_left(url: str, tmp_path: Path):
    store, place = ObjectStore(url), Depot(url, NAME)
    root = mirror_folder(url)
    home = root / NAME / "trials" / "0000"
    assert find_depot(home) == place
    assert find_depot(tmp_path / "studies" / NAME / "trials" / "0000") is None
    home.mkdir(parents=True)
    for file in ("../../search_space.yaml", "../../study.json", "config.yaml"):
        (home / file).write_text("{}")
    left = place.leave(FileSet({"checkpoint.npz": LARGE}))
    (home / "checkpoint.npz").write_bytes(place.collect(left).files["checkpoint.npz"])
    with contextlib.closing(Mirror(store, root, NAME)) as mirror:
        upload = Upload(mirror)
        upload.run()
    assert upload.objects == 4
    assert upload.bytes == 6, "the checkpoint did not travel once more"
    assert store.read(f"{NAME}/trials/0000/checkpoint.npz") == LARGE
    assert store.list(f"{NAME}/{depot.FOLDER}") == {}
    held = {"config.yaml": b"{}", "checkpoint.npz": LARGE, "checkpoint.previous.npz": LARGE}
    (home / "checkpoint.previous.npz").write_bytes(LARGE)
    referred = place.refer(FileSet(held), home)
    assert dict(referred.files) == {"config.yaml": b"{}"}
    assert referred.stored == {"checkpoint.npz": "trials/0000/checkpoint.npz"}
    assert place.collect(referred).files["checkpoint.npz"] == LARGE
    (home / "checkpoint.npz").write_bytes(LARGE + b"newer than what is there")
    assert place.refer(FileSet(held), home) == FileSet(held)


@pytest.mark.slow
def test_workers_of_a_cluster_write_to_the_store_themselves(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    wide = small_space(tmp_path, parameters=WIDE)
    killed = []

    def kill_once(name: str, event: Event) -> None:
        if isinstance(event, Progressed) and event.kimg > 2.1 and not killed:
            killed.append(event.kimg)
            (post,) = runner._dispatcher.posts
            assert post.worker._depot == Depot(url, NAME)
            ray.kill(post.worker._hand)

    notes = Notes(kill_once)
    with (
        running_machines(head_cpus=1, others=1) as machines,
        studies_at(url, NAME, mode="write") as root,
    ):
        chosen = options(
            tmp_path,
            NAME,
            cluster=Cluster(machines.address, files="travel"),
            checkpoint_seconds=0,
        )
        runner = StudyRunner(wide, dataclasses.replace(chosen, studies_dir=root, enqueue=None))
        assert runner.run(notes) is None
    assert killed
    first, second = notes.of("0000", Started)
    assert first.kimg == 0
    assert second.kimg >= 2, "went on from the checkpoint"
    store = ObjectStore(url)
    there = store.list(f"{NAME}/trials/0000")
    large = {name: each.size for name, each in there.items() if each.size >= depot.LARGE_BYTES}
    assert {"checkpoint.npz", "generator.keras", "discriminator.keras"} <= set(large)
    assert store.list(f"{NAME}/{depot.FOLDER}") == {}
    uploaded = float(capfd.readouterr().err.rsplit("uploaded ", 1)[1].split(" MB")[0])
    assert uploaded * 1e6 < sum(large.values()) / 2, "most bytes came from the worker"
