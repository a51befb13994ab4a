"""Read what was exported of a study's winner, and how its file scored on the test split."""

import dataclasses
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.files import read_json
from harness.core.score import Score
from harness.study.record import StudyRecord


@dataclasses.dataclass(frozen=True)
class Exported:
    """Hold what a bundle says of the generator in it.

    Args:
        training: Whose generator it is: the winner's trial, or one of its trainings with a new
            seed, such as `0008-s1`.
        test: Its score on the test split, measured from the exported file.
        formats: The formats of the bundle.
    """

    training: str
    test: Score
    formats: tuple[str, ...]


def read_export(folder: Path, record: StudyRecord, winner: str | None) -> Exported | None:
    """Return what was exported; None if that was another trial, or nothing.

    Args:
        folder: The study.
        record: What it says of itself.
        winner: Name of the winning trial.
    """
    path = folder / "export" / "metrics.json"
    try:
        metrics = read_json(path) if path.is_file() else {}
        training = str(metrics.get("trial"))
        if metrics.get("study_id") == record.id and training.partition("-s")[0] == winner:
            formats = tuple(str(each["format"]) for each in metrics.get("formats", ()))
            return Exported(training, Score.from_dict(metrics["test"]), formats)
    except (HarnessError, AttributeError, KeyError, TypeError, ValueError):
        pass  # the export says so itself when it is made again; the report does without
    return None
