"""Prepare what the trainings of one process share: threads, data set and evaluators."""

import dataclasses
import functools

import tensorflow as tf

from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset, check_sides
from harness.gan.trainers import Trainers
from harness.gan.user_code.contract import register_user_functions
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.panel import load_panel
from harness.training.job import WorkerSetup


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingContext:
    """The data set and the evaluators that trainings of one process share.

    Args:
        dataset: Its `train` split is all the networks see.
        evaluator: What scores the rungs.
        test_evaluator: What scores kept generators on the test split; None for nothing.
    """

    dataset: ImageDataset
    evaluator: Evaluator
    test_evaluator: Evaluator | None = None

    @functools.cached_property
    def trainers(self) -> Trainers:
        """Return what begins trainings on the train split."""
        train = self.dataset.train
        return Trainers(train.images, train.labels, self.dataset.num_classes)


def prepare_context(setup: WorkerSetup) -> TrainingContext:
    """Return what trainings share, once: TensorFlow takes its threads before it is used.

    Args:
        setup: What to load. Functions of the user's own are imported and checked at once.

    Raises:
        ConfigError: If one of them breaks its contract, or the extractor is unknown.
        DataError: If the images cannot be read.
    """
    if setup.deterministic:
        tf.config.experimental.enable_op_determinism()
    if setup.threads:
        tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
        tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
    if isinstance(setup.dataset, ImageDataset):
        dataset = check_sides(setup.dataset)
    else:
        dataset = check_sides(load_dataset(setup.dataset, setup.data_dir), setup.dataset)
    shape = dataset.image_shape
    register_user_functions(setup.functions, shape, dataset.num_classes)
    extractor = load_panel(setup.extractor, image_shape=shape, weights=setup.weights)
    evaluator = Evaluator(
        dataset, extractor=extractor, metric=setup.metric, num_images=setup.num_images
    )
    if setup.test_scoring is None:
        return TrainingContext(dataset, evaluator)
    other = setup.test_scoring.extractor
    if other is not None:
        extractor = load_panel(other, image_shape=shape, weights=setup.test_scoring.weights)
    test_evaluator = Evaluator(
        dataset,
        extractor=extractor,
        metric=setup.metric,
        num_images=min(setup.num_images, len(dataset.test)),
        split="test",
    )
    return TrainingContext(dataset, evaluator, test_evaluator)
