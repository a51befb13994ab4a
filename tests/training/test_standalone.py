"""Prepare the folder of a training alone, and refuse every folder that is something else."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ConfigError, StudyError
from harness.core.outcome import Outcome, Reason
from harness.gan.config.config import GANConfig
from harness.training.checkpoint import save_checkpoint
from harness.training.standalone import Training, claim, prepare, score_points
from harness.training.training_folder import TrainingFolder


@pytest.fixture
def training(tmp_path: Path) -> Training:
    folder = TrainingFolder(tmp_path / "trainings" / "one")
    return Training(config=GANConfig(seed=3), folder=folder, kimg=4.0, tracker="jsonl")


@pytest.fixture
def source(tmp_path: Path) -> TrainingFolder:
    """Return the folder of a trial that was trained to 2.048 kimg."""
    folder = TrainingFolder(tmp_path / "trial")
    save_checkpoint(folder.checkpoint_file, {"step": np.array(32)}, {"kimg": 2.048})
    folder.generator_file.write_bytes(b"generator")
    folder.discriminator_file.write_bytes(b"discriminator")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_training_is_scored_at_eight_even_points():
    assert score_points(4.0) == (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    assert score_points(1.0)[:2] == (0.125, 0.25)
    assert score_points(5000)[-1] == 5000


def test_a_new_folder_says_what_it_is(training: Training):
    record = prepare(training)
    assert json.loads((training.folder.path / "training.json").read_text()) == record
    assert record["kimg"] == 4.0
    assert training.folder.read_config() == training.config


def test_the_same_training_goes_on_under_its_id(training: Training):
    assert prepare(training)["id"] == prepare(training)["id"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kimg": 8.0}, r"kimg: 4\.0 -> 8\.0"),
        ({"num_images": 500}, "num_images: 10000 -> 500"),
        ({"extractor": "other"}, "extractor: fashion_cnn -> other"),
        ({"dataset": "digits"}, "dataset: fashion_mnist -> digits"),
        ({"config": GANConfig(seed=4)}, r"  config\.seed: 3 -> 4\n"),
    ],
    ids=["kimg", "num_images", "extractor", "dataset", "config"],
)
def test_another_training_is_refused(training: Training, changes: dict, message: str):
    prepare(training)
    before = contents(training.folder.path)
    with pytest.raises(StudyError, match=message):
        prepare(dataclasses.replace(training, **changes))
    assert contents(training.folder.path) == before


def test_a_finished_training_is_refused(training: Training):
    prepare(training)
    training.folder.write_outcome(Outcome(Reason.FINISHED))
    with pytest.raises(StudyError, match="this training has ended already; see"):
        prepare(training)


def test_a_claimed_folder_is_refused_to_another(training: Training):
    with claim(training) as record:
        before = contents(training.folder.path)
        with pytest.raises(StudyError, match=r"one: another process is training here\. Wait"):
            claim(training).__enter__()
        assert contents(training.folder.path) == before
    with claim(training) as again:
        assert again == record


def test_a_folder_that_was_only_claimed_is_still_free(training: Training):
    training.folder.path.mkdir(parents=True)
    (training.folder.path / "lock").touch()
    assert prepare(training)["kimg"] == 4.0


def test_nothing_is_written_where_a_claim_is_refused(training: Training):
    training.folder.path.mkdir(parents=True)
    (training.folder.path / "thesis.tex").write_text("precious")
    with pytest.raises(StudyError, match="holds something else"):
        claim(training).__enter__()
    assert contents(training.folder.path) == {"thesis.tex": b"precious"}


def test_a_stranger_is_left_alone(training: Training):
    training.folder.path.mkdir(parents=True)
    (training.folder.path / "thesis.tex").write_text("precious")
    with pytest.raises(StudyError, match="holds something else, which is left alone"):
        prepare(training)
    assert contents(training.folder.path) == {"thesis.tex": b"precious"}


def test_a_file_in_the_place_of_the_folder_is_left_alone(training: Training):
    training.folder.path.parent.mkdir(parents=True)
    training.folder.path.write_text("precious")
    with pytest.raises(StudyError, match="holds something else, which is left alone"):
        prepare(training)
    assert training.folder.path.read_text() == "precious"


def test_an_unknown_tracker_is_refused_before_anything_is_written(training: Training):
    with pytest.raises(ConfigError, match=r"tracker: expected one of .* Did you mean 'jsonl'\?"):
        prepare(dataclasses.replace(training, tracker="json"))
    assert not training.folder.path.exists()


def test_going_on_copies_the_state_and_leaves_the_source_alone(
    training: Training, source: TrainingFolder
):
    before = contents(source.path)
    prepare(dataclasses.replace(training, begin_from=source))
    assert contents(source.path) == before
    assert before.items() <= contents(training.folder.path).items()


def test_going_on_needs_a_checkpoint(training: Training, source: TrainingFolder):
    source.checkpoint_file.unlink()
    with pytest.raises(StudyError, match="holds no checkpoint to go on from"):
        prepare(dataclasses.replace(training, begin_from=source))
    assert not training.folder.path.exists()


@pytest.mark.parametrize("kimg", [1.0, 2.048])
def test_going_on_needs_somewhere_to_go(training: Training, source: TrainingFolder, kimg: float):
    with pytest.raises(StudyError, match=r"has been trained to 2\.048 kimg; --kimg is the total"):
        prepare(dataclasses.replace(training, begin_from=source, kimg=kimg))
    assert not training.folder.path.exists()
