"""Say how a study comes about again: the command, the seeds, the code and its packages."""

import dataclasses
import importlib.metadata
import platform
import shlex
from pathlib import Path
from typing import Any

from harness.confirmation.result import Confirmation
from harness.provenance import code_commit, lock_sha256
from harness.search.folders import StudyRecord

_PACKAGES = ("tensorflow", "keras", "optuna", "numpy", "scipy")


@dataclasses.dataclass(frozen=True)
class Lineage:
    """Hold what it takes to repeat a study.

    Args:
        commands: What to type, in order.
        seed: The study's seed, from which all others derive.
        winner_seed: The seed of the winner's training.
        study_version: The version of this package that created the study.
        commit: The commit of the code that created the study, or else that made this report;
            `-dirty` behind it if files were changed since, None outside a repository.
        lock_sha256: Hash of `requirements.lock` at that time; None where there is none.
        of_study: Whether both are the study's; older ones did not note them.
        python: Version of Python that made this report.
        packages: Versions of the packages that decide results.
    """

    commands: tuple[str, ...]
    seed: int
    winner_seed: int | None
    study_version: str
    commit: str | None
    lock_sha256: str | None
    of_study: bool
    python: str
    packages: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return dataclasses.asdict(self)


def trace(
    folder: Path,
    record: StudyRecord,
    *,
    trials: int,
    baselines: bool,
    winner_seed: int | None,
    confirmation: Confirmation | None,
) -> Lineage:
    """Return how a study comes about again.

    Args:
        folder: The study.
        record: What it says of itself.
        trials: How many trials it has in total.
        baselines: Whether presets were trained beside the search.
        winner_seed: The seed of the winner's training, where there is a winner.
        confirmation: How the leaders were trained again, where they were.
    """
    space = shlex.quote(str(folder / "search_space.yaml"))
    name = shlex.quote(f"{record.name}-again")
    commands = [
        f"python -m harness.sweep --search-space {space} --study {name} --seed {record.seed} "
        f"--trials {trials}" + (" --baselines" if baselines else "")
    ]
    if confirmation is not None:
        commands.append(
            f"python -m harness.confirm --study {name} --top {confirmation.top} "
            f"--seeds {confirmation.seeds}"
        )
    of_study = record.commit is not None
    return Lineage(
        commands=(*commands, f"python -m harness.export --study {name}"),
        seed=record.seed,
        winner_seed=winner_seed,
        study_version=record.harness_version,
        commit=record.commit if of_study else code_commit(),
        lock_sha256=record.lock_sha256 if of_study else lock_sha256(),
        of_study=of_study,
        python=platform.python_version(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
    )
