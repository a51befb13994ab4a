"""Say how kept generators are scored on the test split; light enough for the runner."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class TestScoring:
    """Say what kept generators are seen through on the test split.

    Args:
        extractor: A name or a folder; None for what scores the rungs.
        weights: File of the extractor's weights, where it does not bring its own.
    """

    extractor: str | None = None
    weights: Path | None = None
