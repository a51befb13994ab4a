"""Train the second extractor: `python -m tests.extractors.train FOLDER`."""

import sys
from pathlib import Path

from harness.data.fashion_mnist import load_fashion_mnist
from harness.metrics.extractors.extractor_training import TrainingPlan, train_extractor
from tests.extractors.residual import build_residual


def main():
    record = train_extractor(
        load_fashion_mnist(),
        Path(sys.argv[1]),
        plans=[
            TrainingPlan(epochs=14, seed=2, max_shift=0, mirror=False),
            TrainingPlan(epochs=10, seed=3, learning_rate=1e-3),
        ],
        report=lambda epoch, train, validation: print(
            f"epoch {epoch:>2}  training {train:.4f}  validation {validation:.4f}", flush=True
        ),
        build=build_residual,
    )
    print(f"test accuracy {record['test_accuracy']:.4f}, sha256 {record['sha256']}")


if __name__ == "__main__":
    main()
