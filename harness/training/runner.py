"""Run one training after another in this process, loading TensorFlow and the data once."""

import gc
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from harness.core.events import Answer, Event, Finished
from harness.core.outcome import Outcome
from harness.core.score import Protocol
from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset, check_sides
from harness.gan.user_code.contract import adopt
from harness.gan.user_code.user_functions import NO_FUNCTIONS, UserFunctions
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.feature_extractor import load_extractor
from harness.training.calibration import Estimate
from harness.training.job import TrainingJob
from harness.training.loop import TrainingLoop
from harness.training.test_scorer import TestScorer
from harness.training.test_scoring import TestScoring


class JobRunner:
    """Own what trainings of one process share: threads, data set and evaluator.

    Args:
        dataset: Text of a `DatasetRequest`, e.g. a key of `DATASETS`; or a loaded data set.
        data_dir: Where to look for it first; None for the usual places.
        extractor: What the metrics see through.
        weights: Its weights, where it does not bring its own.
        metric: What a score is: key of `OBJECTIVES`.
        num_images: How many generated images a score compares.
        threads: TensorFlow threads; 0 for as many as there are cores.
        deterministic: Choose operations that repeat bit for bit on this machine.
        functions: Functions of the user's own that jobs may name: imported and checked at once.
        test_scoring: How kept generators are scored on the test split; None for not at all.

    Raises:
        ConfigError: If one of them breaks its contract.
    """

    def __init__(
        self,
        *,
        dataset: str | ImageDataset = "fashion_mnist",
        data_dir: Path | None = None,
        extractor: str = "fashion_cnn",
        weights: Path | None = None,
        metric: str = "fid",
        num_images: int = 10_000,
        threads: int = 0,
        deterministic: bool = False,
        functions: UserFunctions = NO_FUNCTIONS,
        test_scoring: TestScoring | None = None,
    ) -> None:
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        if isinstance(dataset, ImageDataset):
            self.dataset = check_sides(dataset)
        else:
            self.dataset = check_sides(load_dataset(dataset, data_dir), dataset)
        adopt(functions, self.dataset.image_shape, self.dataset.num_classes)
        feature_extractor = load_extractor(
            extractor, image_shape=self.dataset.image_shape, weights=weights
        )
        self._evaluator = Evaluator(
            self.dataset, extractor=feature_extractor, metric=metric, num_images=num_images
        )
        self._test_scorer: TestScorer | None = None
        if test_scoring is not None:
            if test_scoring.extractor is not None:
                shape = self.dataset.image_shape
                feature_extractor = load_extractor(
                    test_scoring.extractor, image_shape=shape, weights=test_scoring.weights
                )
            self._test_scorer = TestScorer(
                self.dataset, extractor=feature_extractor, metric=metric, num_images=num_images
            )

    @property
    def protocol(self) -> Protocol:
        """Return how trainings are scored."""
        return self._evaluator.protocol

    @property
    def test_protocol(self) -> Protocol | None:
        """Return how kept generators are scored on the test split; None if they are not."""
        return self._test_scorer.protocol if self._test_scorer else None

    def run(
        self,
        job: TrainingJob,
        emit: Callable[[Event], Answer],
        *,
        on_estimate: Callable[[Estimate], None] | None = None,
    ) -> Outcome | None:
        """Train one job and forget its models; None when an answer paused it.

        Where there is an exam, what is emitted as finished holds its score, and a job that has
        ended already only takes the exam.

        Args:
            job: What to train.
            emit: Called with each event.
            on_estimate: Called with what it will take, before it begins.
        """
        try:
            if self._test_scorer is not None:
                emit = self._test_scorer.examining(job, emit)
                ended = job.folder.read_outcome()
                if ended is not None:
                    emit(Finished(ended))
                    return ended
            session = TrainingLoop(
                job, self.dataset, evaluator=self._evaluator, emit=emit, on_estimate=on_estimate
            )
            return session.run()
        finally:
            # Keras keeps a global record of what was built; without this it grows by the trial.
            keras.backend.clear_session()
            gc.collect()
