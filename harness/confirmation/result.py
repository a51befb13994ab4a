"""What a confirmation found, in the form of `confirmation/result.json`."""

import dataclasses
import statistics
from pathlib import Path
from typing import Any, Literal

from harness.core.errors import StorageError
from harness.core.files import inside, read_json, write_json
from harness.core.score import Protocol, Score
from harness.core.stored import parse_record
from harness.study.own_folders import CONFIRMATION

RESULT_FILE = "result.json"

CHOSEN_BY_ITS_JUDGE = (
    "An older version chose it by the test split itself, which flatters it: give gansweep confirm "
    "again, to choose by the validation split. It trains nothing twice."
)
"""What is said of a winner that is not `Confirmation.judged_apart`."""


@dataclasses.dataclass(frozen=True)
class SeedResult:
    """A training of a candidate with a new seed.

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
    """What is known of one candidate: its values on new seeds, and what follows.

    Args:
        trial: The trial of the search, e.g. `0008`.
        family: Its generator's name.
        search: What the search quoted for it: its final score on the validation split.
        seeds: Its trainings that have ended, by seed.
        mean: The mean of its test scores; None before the first, lower is better.
        interval: Student's 95 % interval for it, from its own seeds; None for fewer than two.
        probability_best: That its true mean on the validation split is the lowest; None where
            nothing is known of the spread over seeds.
        validation_mean: The mean of its seeds' validation scores, by which the winner is chosen.
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
    def member_means(self) -> dict[str, float]:
        """Return the mean of its validation scores by each judge of a panel; empty for one."""
        scores = [seed.validation.members for seed in self.seeds if seed.validation]
        return {
            of_judge[0].protocol.extractor: statistics.fmean(score.value for score in of_judge)
            for of_judge in zip(*scores, strict=False)
        }

    @property
    def failed(self) -> int:
        """Return how many of its trainings failed."""
        return sum(seed.outcome != "finished" for seed in self.seeds)


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """A confirmation, as far as it has come.

    Args:
        study: Name of the study.
        study_id: Its UUID.
        complete: Whether the race has ended; only then is there a winner.
        top: How many leaders are retrained: as many as were asked for, or more known before.
        seeds: How many new seeds each gets at most.
        protocol: How the test scores were measured.
        winner: The trial with the lowest mean, confirmed unless there is `doubt`; None before the
            end, or where every candidate failed.
        method: How intervals and probabilities were computed, in words.
        candidates: Best first by `validation_mean`: who is still in, then who is out.
        schema_version: Form of the file; raised when that changes. In form 1 the winner was chosen
            by the test split.
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
    schema_version: Literal[1, 2] = 2

    @property
    def judged_apart(self) -> bool:
        """Return whether the test split had no part in choosing the winner."""
        return self.schema_version > 1

    @property
    def leads_under(self) -> dict[str, bool]:
        """Return by judge of a panel whether the winner has the lowest mean over new seeds.

        Candidates of which a training failed are not compared. Empty for a single judge, without
        a winner, or where nothing was compared.
        """
        means = {each.trial: each.member_means for each in self.candidates if not each.failed}
        own = means.get(self.winner or "", {})
        if len(own) < 2 or len(self.candidates) < 2:
            return {}
        lowest = {judge: min(of[judge] for of in means.values() if judge in of) for judge in own}
        return {judge: own[judge] <= lowest[judge] for judge in own}

    @property
    def doubt(self) -> str:
        """Return why a panel does not confirm the winner; empty where two judges or more do."""
        leads = [judge for judge, first in self.leads_under.items() if first]
        if not self.leads_under or len(leads) > 1:
            return ""
        return f"not confirmed: it leads under {f'{leads[0]} only' if leads else 'no judge'}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; scores as `Score.to_dict` writes them."""
        record: dict[str, Any] = _plain(self)
        derived = {"fingerprint": self.protocol.fingerprint, "leads_under": self.leads_under}
        return record | derived


def result_file(study_folder: Path) -> Path:
    """Return where a study's confirmation is written."""
    return study_folder / CONFIRMATION / RESULT_FILE


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
    path = inside(study_folder, result_file(study_folder).relative_to(study_folder))
    if path is None:
        return None
    record = read_json(path)
    try:
        return parse_record(Confirmation, record)
    except ValueError as error:
        raise StorageError(
            f"{path}: expected the result of a confirmation; received something else "
            f"({error}). Give the command that made it again: gansweep confirm, "
            f"which trains nothing twice."
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Score):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
