"""Train tiny GANs on the real images, scored by the real evaluator on a tenth of the usual."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.events import Answer, Event
from harness.core.outcome import Outcome
from harness.data.image_dataset import ImageDataset
from harness.gan.config.config import GANConfig
from harness.metrics.evaluator import Evaluator
from harness.training.context import TrainingContext
from harness.training.job import TrainingJob
from harness.training.loop import TrainingLoop
from harness.training.training_folder import TrainingFolder

TINY = GANConfig.model_validate(
    {
        "seed": 5,
        "generator": {"name": "mlp", "latent_dim": 8, "embedding_dim": 4, "width": 16, "depth": 1},
        "discriminator": {"name": "mlp", "width": 16, "depth": 1, "dropout": 0.3},
    }
)
# Thirteen layers of 64 units or more, each with weights of about +-1 after Adam's first step at a
# learning rate of 1: the second step's logits are beyond 64**13 = 3e23, and their products with
# the gradients beyond what float32 holds.
EXPLODING = TINY.model_copy(
    update={
        "discriminator": TINY.discriminator.model_copy(
            update={"widths": (512,) * 14, "learning_rate": 1.0, "dropout": 0.0}
        )
    }
)


@dataclasses.dataclass
class Heard:
    """Keep what a session said, and answer as a test asks.

    Args:
        answer: Gets each event and returns the answer.
    """

    answer: Callable[[Event], Answer] = lambda event: Answer.GO_ON
    events: list[Event] = dataclasses.field(default_factory=list)

    def __call__(self, event: Event) -> Answer:
        self.events.append(event)
        return self.answer(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="session")
def evaluator(fashion_mnist: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    return Evaluator(fashion_mnist, num_images=1000, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def train(fashion_mnist: ImageDataset, evaluator: Evaluator, tmp_path: Path):
    """Return a function that runs one session and returns its outcome."""

    def run(
        heard: Heard, *, folder: str = "0000", config: GANConfig = TINY, **changes: Any
    ) -> Outcome | None:
        fields: dict[str, Any] = {
            "config": config,
            "folder": TrainingFolder(tmp_path / folder),
            "rungs_kimg": (1.0, 2.0),
            "seed": 3,
            "name": "0000",
        }
        job = TrainingJob(**(fields | changes))
        context = TrainingContext(fashion_mnist, evaluator)
        return TrainingLoop(job, context, emit=heard).run()

    return run
