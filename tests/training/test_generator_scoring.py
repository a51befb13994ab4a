"""Score what trainings kept on the test split."""

import dataclasses
from pathlib import Path

import pytest

from harness.core.errors import StorageError
from harness.core.events import Finished
from harness.core.outcome import Outcome, Reason
from harness.data.image_dataset import ImageDataset
from harness.training.context import TrainingContext, prepare_context
from harness.training.generator_scoring import with_test_score
from harness.training.job import TestScoring, TrainingJob, WorkerSetup
from harness.training.loop import run_job
from harness.training.training_folder import TrainingFolder
from tests.training.conftest import TINY, Heard


@pytest.fixture(scope="module")
def context(
    fashion_mnist: ImageDataset, tmp_path_factory: pytest.TempPathFactory
) -> TrainingContext:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        setup = WorkerSetup(dataset=fashion_mnist, num_images=1000, test_scoring=TestScoring())
        return prepare_context(setup)


def job(folder: Path) -> TrainingJob:
    return TrainingJob(TINY, TrainingFolder(folder), (1.0, 2.0), seed=3, name="0000-s0")


def test_the_kept_generator_is_scored_once_with_noise_of_its_own(context, train, tmp_path):
    outcome = train(Heard())
    scored = with_test_score(outcome, job(tmp_path / "0000"), context.test_evaluator)
    (score,) = scored.tests
    assert score.protocol == context.test_evaluator.protocol
    assert score.protocol.reference == "fashion_mnist/test"
    assert score.kimg == outcome.final.kimg
    assert score.noise_seed not in (outcome.final.noise_seed, outcome.best.noise_seed)
    assert score.value == pytest.approx(outcome.final.value, rel=0.25)
    assert dataclasses.replace(scored, tests=()) == outcome
    again = with_test_score(scored, job(tmp_path / "0000"), context.test_evaluator)
    assert again is scored
    assert Outcome.from_dict(scored.to_dict()) == scored


def test_a_job_is_scored_at_its_end_and_one_that_has_ended_is_only_scored(context, tmp_path):
    heard = Heard()
    outcome = run_job(job(tmp_path / "0000"), context, heard)
    assert heard.events[-1] == Finished(outcome)
    assert len(outcome.tests) == 1
    folder = TrainingFolder(tmp_path / "0000")
    folder.write_outcome(dataclasses.replace(outcome, tests=()))
    heard = Heard()
    assert run_job(job(tmp_path / "0000"), context, heard) == outcome
    assert heard.events == [Finished(outcome)]


def test_what_did_not_complete_is_not_scored(context, tmp_path):
    outcome = Outcome(Reason.DIVERGED)
    assert with_test_score(outcome, job(tmp_path), context.test_evaluator) is outcome


def test_a_generator_that_is_gone_is_one_message(context, train, tmp_path):
    outcome = train(Heard(), rungs_kimg=(0.5,))
    (tmp_path / "0000" / "generator.keras").unlink()
    with pytest.raises(StorageError, match="cannot be loaded by Keras"):
        with_test_score(outcome, job(tmp_path / "0000"), context.test_evaluator)
