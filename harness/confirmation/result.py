"""Hold what a confirmation found, in the form of `confirmation/result.json`."""

import dataclasses
from pathlib import Path
from typing import Any

from harness.core.errors import StorageError
from harness.core.files import read_json, write_json
from harness.core.score import Protocol, Score

SCHEMA_VERSION = 1
"""Raised when the file changes its form."""

FOLDER = "confirmation"
"""Where a study keeps its confirmation."""

RESULT_FILE = "result.json"


@dataclasses.dataclass(frozen=True)
class SeedResult:
    """Hold one training of a candidate with a new seed.

    Args:
        name: The trial and which of its seeds, e.g. `0008-s1`.
        seed: The seed of its configuration.
        folder: Its folder, relative to the study's.
        outcome: Why it ended.
        validation: Its kept generator against the validation split, as the search scored.
        test: The same generator against the test split; None where the training failed.
        duration_seconds: What it took.
    """

    name: str
    seed: int
    folder: str
    outcome: str
    validation: Score | None
    test: Score | None
    duration_seconds: float


@dataclasses.dataclass(frozen=True)
class CandidateResult:
    """Hold what is known of one candidate: its values on the test split, and what follows.

    Args:
        trial: The trial of the search, e.g. `0008`.
        family: Its generator's name.
        search: What the search quoted for it: its final score on the validation split.
        seeds: Its trainings that have ended, by seed.
        mean: The mean of its test scores; None before the first, lower is better.
        interval: Student's 95 % interval for it, from its own seeds; None for fewer than two.
        probability_best: That its true mean is the lowest; None where nothing is known of the
            variance between seeds.
        validation_mean: The mean of its seeds' validation scores.
        luck: `validation_mean` minus `search`, both by the search's protocol: by how much the
            search's number flattered it. Negative where it was unlucky.
        out_after: The race gave it no more seeds after so many; None if it got all.
    """

    trial: str
    family: str
    search: Score
    seeds: tuple[SeedResult, ...]
    mean: float | None
    interval: tuple[float, float] | None
    probability_best: float | None
    validation_mean: float | None
    luck: float | None
    out_after: int | None

    @property
    def text(self) -> str:
        """Return the mean with half the width of its interval, e.g. `0.849 ±0.031`."""
        if self.mean is None:
            return "-"
        if self.interval is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ±{self.interval[1] - self.mean:.3f}"

    @property
    def failed(self) -> int:
        """Return how many of its trainings failed."""
        return sum(seed.outcome != "finished" for seed in self.seeds)


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """Hold a confirmation, as far as it has come.

    Args:
        study: Name of the study.
        study_id: Its UUID.
        complete: Whether the race has ended; only then is there a winner.
        top: How many leaders are retrained: as many as were asked for, or more known before.
        seeds: How many new seeds each gets at most.
        protocol: How the test scores were measured.
        winner: The confirmed trial; None before the end, or where every candidate failed.
        method: How intervals and probabilities were computed, in words.
        candidates: Best first: who is still in by mean, then who is out.
        schema_version: Form of the file.
    """

    study: str
    study_id: str
    complete: bool
    top: int
    seeds: int
    protocol: Protocol
    winner: str | None
    method: str
    candidates: tuple[CandidateResult, ...]
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; scores as `Score.to_dict` writes them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {
            "protocol": dataclasses.asdict(self.protocol),
            "fingerprint": self.protocol.fingerprint,
            "candidates": [_candidate_to_dict(each) for each in self.candidates],
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Confirmation":
        """Return the confirmation that `to_dict` wrote.

        Raises:
            TypeError: If it is none, as are KeyError and ValueError.
        """
        if record["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {record['schema_version']!r}, not {SCHEMA_VERSION}")
        fields = {key: value for key, value in record.items() if key != "fingerprint"}
        return cls(
            **fields
            | {
                "protocol": Protocol(**record["protocol"]),
                "candidates": tuple(_candidate_from_dict(each) for each in record["candidates"]),
            }
        )


def result_file(study_folder: Path) -> Path:
    """Return where a study's confirmation is written."""
    return study_folder / FOLDER / RESULT_FILE


def write_result(study_folder: Path, result: Confirmation) -> None:
    """Write the confirmation of a study.

    Raises:
        StorageError: If it cannot be written.
    """
    write_json(result_file(study_folder), result.to_dict())


def read_result(study_folder: Path) -> Confirmation | None:
    """Return the confirmation of a study; None if there is none.

    Raises:
        StorageError: If it cannot be read or is damaged.
    """
    path = result_file(study_folder)
    if not path.exists():
        return None
    record = read_json(path)
    try:
        return Confirmation.from_dict(record)
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{path}: expected the result of a confirmation; received something else "
            f"({type(error).__name__}: {error}). Give the command that made it again: "
            f"gansweep confirm, which trains nothing twice."
        ) from error


def _candidate_to_dict(candidate: CandidateResult) -> dict[str, Any]:
    fields = {
        field.name: getattr(candidate, field.name) for field in dataclasses.fields(candidate)
    }
    return fields | {
        "search": candidate.search.to_dict(),
        "seeds": [
            vars(seed)
            | {
                "validation": seed.validation.to_dict() if seed.validation else None,
                "test": seed.test.to_dict() if seed.test else None,
            }
            for seed in candidate.seeds
        ],
    }


def _candidate_from_dict(record: dict[str, Any]) -> CandidateResult:
    seeds = tuple(
        SeedResult(
            **seed
            | {
                key: Score.from_dict(seed[key]) if seed[key] else None
                for key in ("validation", "test")
            }
        )
        for seed in record["seeds"]
    )
    interval = record["interval"]
    return CandidateResult(
        **record
        | {
            "search": Score.from_dict(record["search"]),
            "seeds": seeds,
            "interval": (float(interval[0]), float(interval[1])) if interval else None,
        }
    )
