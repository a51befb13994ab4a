"""Know a study's images by their content, however and wherever they are named."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import StudyError
from harness.core.score import Protocol
from harness.data.datasets import load_dataset
from harness.runner.open_study import Study
from harness.space.space import SearchSpace
from harness.study.data_place import check_places, known_as, move_data
from harness.study.record import read_study


def write_images(folder: Path, *, seed: int = 0) -> str:
    folder.mkdir(parents=True)
    images = np.random.default_rng(seed).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    np.savez(folder / "x.npz", images=images, labels=np.arange(40) % 2)
    return f"npz:{folder / 'x.npz'}"


@pytest.fixture
def open_study(tmp_path: Path) -> Callable[[str], Study]:
    """Return what opens a study of the images at `first`, as a sweep on these images does."""
    write_images(tmp_path / "first")

    def open_on(dataset: str, extractor: str = "fashion_cnn") -> Study:
        folder = tmp_path / "studies" / "s"
        space = SearchSpace.load("smoke").on_dataset(dataset).seen_through(extractor).located()
        if folder.exists():
            space = space.on_dataset(known_as(folder, space.dataset, None) or space.dataset)
        images = load_dataset(space.dataset)
        reference = f"{images.name}/validation"
        protocol = Protocol("fid", "mine", "ab" * 32, 10, reference, images.validation.sha256)
        return Study(tmp_path / "studies", "s", space=space, seed=None, protocol=protocol)

    open_on(f"npz:{tmp_path}/first/x.npz").close()
    return open_on


@pytest.mark.parametrize("spelling", ["first/x.npz", "./first/x.npz", "first//x.npz", "{}/x.npz"])
def test_one_file_by_any_spelling_is_one_study(
    open_study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
):
    monkeypatch.chdir(tmp_path)
    study = open_study(f"npz:{spelling.format(tmp_path / 'first')}")
    study.close()
    assert study.record.dataset == f"npz:{tmp_path / 'first' / 'x.npz'}"


def test_images_that_moved_and_were_renamed_are_the_same_study(open_study, tmp_path: Path):
    before = read_study(tmp_path / "studies" / "s")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "first" / "x.npz", tmp_path / "elsewhere" / "other name.npz")
    study = open_study(f"npz:{tmp_path}/elsewhere/other name.npz")
    study.close()
    # The name in the scores stays, so that old and new ones compare.
    text = f"npz:{tmp_path}/elsewhere/other name.npz?name=x"
    assert study.record == dataclasses.replace(before, dataset=text)
    assert load_dataset(text).name == "x"
    assert SearchSpace.load(str(study.folder / "search_space.yaml")).dataset == text


def test_an_extractor_that_moved_is_known_by_its_hash(open_study, tmp_path: Path):
    study = open_study(f"npz:{tmp_path}/first/x.npz", extractor="/elsewhere/extractor")
    study.close()
    assert study.record.extractor == "/elsewhere/extractor"


@pytest.mark.parametrize("options", ["", "?size=4"])
def test_other_images_and_other_options_are_another_study(
    open_study, tmp_path: Path, options: str
):
    write_images(tmp_path / "second", seed=int(not options))
    with pytest.raises(StudyError, match="made with other settings"):
        open_study(f"npz:{tmp_path}/second/x.npz{options}")
    assert read_study(tmp_path / "studies" / "s").dataset == f"npz:{tmp_path}/first/x.npz"


def test_a_command_is_told_where_the_images_lie_now(open_study, tmp_path: Path):
    folder = tmp_path / "studies" / "s"
    write_images(tmp_path / "second", seed=1)
    with pytest.raises(StudyError, match=r"--dataset: .*second.* holds other images than study"):
        move_data(folder, f"npz:{tmp_path}/second/x.npz", None)
    move_data(folder, None, None)
    shutil.move(tmp_path / "first", tmp_path / "third")
    with pytest.raises(StudyError, match=r"first/x.npz: nothing is there .* now by --dataset\."):
        move_data(folder, None, None)
    assert read_study(folder).dataset == f"npz:{tmp_path}/first/x.npz"
    move_data(folder, f"npz:{tmp_path}/third/x.npz", None)
    record = read_study(folder)
    assert record.dataset == f"npz:{tmp_path}/third/x.npz"
    check_places(dataclasses.replace(record, dataset="fashion_mnist"))
    gone = dataclasses.replace(record, extractor="/gone/extractor")
    with pytest.raises(StudyError, match=r"now by --extractor, to its sweep\."):
        check_places(gone)
    check_places(gone, extractor=False)
