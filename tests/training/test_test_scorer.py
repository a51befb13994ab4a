"""Score what trainings kept on the test split."""

import dataclasses
from pathlib import Path

import pytest

from harness.core.errors import StorageError
from harness.core.events import Answer, Event, Finished, Started
from harness.core.outcome import Outcome, Reason
from harness.data.image_dataset import ImageDataset
from harness.metrics.extractors.feature_extractor import load_extractor
from harness.training.job import TrainingJob
from harness.training.test_scorer import TestScorer
from harness.training.training_folder import TrainingFolder
from tests.training.conftest import TINY, Heard


@pytest.fixture(scope="module")
def test_scorer(
    fashion_mnist: ImageDataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> TestScorer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return TestScorer(
            fashion_mnist, extractor=load_extractor("fashion_cnn"), metric="fid", num_images=1000
        )


def job(folder: Path) -> TrainingJob:
    return TrainingJob(TINY, TrainingFolder(folder), (1.0, 2.0), seed=3, name="0000-s0")


def test_the_kept_generator_is_scored_once_with_noise_of_its_own(test_scorer, train, tmp_path):
    outcome = train(Heard())
    examined = test_scorer.examine(job(tmp_path / "0000"), outcome)
    (score,) = examined.tests
    assert score.protocol == test_scorer.protocol
    assert score.protocol.reference == "fashion_mnist/test"
    assert score.kimg == outcome.final.kimg
    assert score.noise_seed not in (outcome.final.noise_seed, outcome.best.noise_seed)
    assert score.value == pytest.approx(outcome.final.value, rel=0.25)
    assert dataclasses.replace(examined, tests=()) == outcome
    assert test_scorer.examine(job(tmp_path / "0000"), examined) is examined
    # Events pass through; the end is passed on with the score.
    heard: list[Event] = []

    def emit(event: Event) -> Answer:
        heard.append(event)
        return Answer.PAUSE

    say = test_scorer.examining(job(tmp_path / "0000"), emit)
    started = Started(0.0, 1, 1)
    assert say(started) is say(Finished(outcome)) is Answer.PAUSE
    assert heard == [started, Finished(examined)]
    assert Outcome.from_dict(examined.to_dict()) == examined


def test_what_did_not_complete_takes_no_test_scoring(test_scorer, tmp_path):
    outcome = Outcome(Reason.DIVERGED)
    assert test_scorer.examine(job(tmp_path), outcome) is outcome


def test_a_generator_that_is_gone_is_one_message(test_scorer, train, tmp_path):
    outcome = train(Heard(), rungs_kimg=(0.5,))
    (tmp_path / "0000" / "generator.keras").unlink()
    with pytest.raises(StorageError, match="cannot be loaded by Keras"):
        test_scorer.examine(job(tmp_path / "0000"), outcome)
