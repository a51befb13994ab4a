"""Score kept generators on the test split, which neither trainings nor searches ever see."""

import dataclasses
from collections.abc import Callable

from harness.core.events import Answer, Event, Finished
from harness.core.outcome import Outcome, State
from harness.core.score import Protocol
from harness.core.seeds import derive_seed
from harness.data.image_dataset import ImageDataset
from harness.gan.sampling import Sampler, load_generator
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.feature_extractor import Extractor
from harness.training.evaluator_samples import sample_for
from harness.training.job import TrainingJob


class TestScorer:
    """Add a score on the test split to the outcomes of completed trainings.

    What is scored is the generator that the training kept, of the best rung on the validation
    split: nothing is selected on the test split.

    Args:
        dataset: Whose test split.
        extractor: What sees the images.
        metric: Key of `OBJECTIVES`.
        num_images: How many generated images to compare, at most as many as the split has.
    """

    def __init__(
        self, dataset: ImageDataset, *, extractor: Extractor, metric: str, num_images: int
    ) -> None:
        self._evaluator = Evaluator(
            dataset,
            extractor=extractor,
            metric=metric,
            num_images=min(num_images, len(dataset.test)),
            split="test",
        )

    @property
    def protocol(self) -> Protocol:
        """Return how generators are scored here."""
        return self._evaluator.protocol

    def examine(self, job: TrainingJob, outcome: Outcome) -> Outcome:
        """Return an outcome with the test score of this protocol; as it is if it has no generator.

        Args:
            job: What was trained; its seed and name give the noise, which is no other score's.
            outcome: How it ended.

        Raises:
            StorageError: If the kept generator cannot be loaded.
        """
        known = any(score.protocol == self.protocol for score in outcome.tests)
        if known or outcome.state is not State.COMPLETE or outcome.final is None:
            return outcome
        seed = derive_seed(job.seed, job.name, "test noise")
        sampler = Sampler(load_generator(job.folder.generator_file))
        images = sample_for(self._evaluator, sampler, noise_seed=seed)
        score = self._evaluator.score(images, kimg=outcome.final.kimg, noise_seed=seed)
        return dataclasses.replace(outcome, tests=(*outcome.tests, score))

    def examining(
        self, job: TrainingJob, emit: Callable[[Event], Answer]
    ) -> Callable[[Event], Answer]:
        """Return an `emit` that examines the outcome of a training before it passes it on."""

        def emit_examined(event: Event) -> Answer:
            if isinstance(event, Finished):
                event = Finished(self.examine(job, event.outcome))
            return emit(event)

        return emit_examined
