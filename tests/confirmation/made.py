"""Make studies and outcomes without training."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from harness.confirmation.candidates import Outcomes
from harness.confirmation.summary import Plan
from harness.core.files import write_json
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.study.record import StudyRecord
from harness.training.training_folder import TrainingFolder

VALIDATION = Protocol("fid", "cnn", "ab" * 32, 1000, "images/validation", "cd" * 32)
TEST = dataclasses.replace(VALIDATION, reference="images/test", reference_sha256="ef" * 32)
RECORD = StudyRecord(
    "id", "s", 7, "fashion_mnist", dataclasses.asdict(VALIDATION), "2026-11-23T00:00:00+00:00"
)


def score(value: float, protocol: Protocol = VALIDATION) -> Score:
    return Score(value, 4.0, 1, protocol)


def finished(value: float, test: float | None = None) -> Outcome:
    tests = () if test is None else (score(test, TEST),)
    best = score(value - 0.1)
    return Outcome(Reason.FINISHED, "", 4.0, 2.0, best, score(value), tests=tests)


def judged(outcomes: Outcomes, members: dict[str, dict[str, float]]) -> Outcomes:
    """Return outcomes whose validation scores a panel gave: by trial, what each judge says."""
    return {
        key: dataclasses.replace(
            outcome,
            final=dataclasses.replace(
                outcome.final,
                members=tuple(
                    score(value, dataclasses.replace(VALIDATION, extractor=judge))
                    for judge, value in members[key[0]].items()
                ),
            ),
        )
        for key, outcome in outcomes.items()
        if outcome.final
    }


def make_study(folder: Path, finals: Sequence[float]) -> Path:
    """Write a study whose trials completed with these final scores, and one that failed."""
    write_json(folder / "study.json", dataclasses.asdict(RECORD) | {"name": folder.name})
    outcomes = [*map(finished, finals), Outcome(Reason.DIVERGED)]
    for number, outcome in enumerate(outcomes):
        trial = TrainingFolder(folder / "trials" / f"{number:04d}")
        trial.write_config(GANConfig(seed=number))
        trial.write_outcome(outcome)
    return folder


def outcomes_of(plan: Plan, values: dict[str, Sequence[tuple[float, float] | None]]) -> Outcomes:
    """Return outcomes by trial: validation and test score of each seed, None for a failed one."""
    return {
        (trial, index): finished(*pair) if pair else Outcome(Reason.COLLAPSED)
        for trial, pairs in values.items()
        for index, pair in enumerate(pairs)
    }


def write_outcomes(plan: Plan, outcomes: Outcomes) -> None:
    """Write trainings to their folders, as a confirmation does."""
    for each in plan.planned:
        if each.key in outcomes:
            each.folder.write_config(each.config)
            each.folder.write_outcome(outcomes[each.key])
