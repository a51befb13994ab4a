"""Say how a study comes about again: the command, the seeds, the code and its packages."""

import dataclasses
import hashlib
import importlib.metadata
import platform
import shlex
import subprocess
from pathlib import Path
from typing import Any

import harness
from harness.search.folders import StudyRecord

_PACKAGES = ("tensorflow", "keras", "optuna", "numpy", "scipy")
_ROOT = Path(harness.__file__).parent.parent


@dataclasses.dataclass(frozen=True)
class Lineage:
    """Hold what it takes to repeat a study.

    Args:
        commands: What to type, in order.
        seed: The study's seed, from which all others derive.
        winner_seed: The seed of the winner's training.
        study_version: The version of this package that created the study.
        commit: The commit of the code that made this report, `-dirty` if it was changed since;
            None outside a repository.
        lock_sha256: Hash of `requirements.lock` at that time; None where there is none.
        python: Version of Python that made this report.
        packages: Versions of the packages that decide results.
    """

    commands: tuple[str, ...]
    seed: int
    winner_seed: int | None
    study_version: str
    commit: str | None
    lock_sha256: str | None
    python: str
    packages: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return dataclasses.asdict(self)


def trace(
    folder: Path, record: StudyRecord, *, trials: int, baselines: bool, winner_seed: int | None
) -> Lineage:
    """Return how a study comes about again.

    Args:
        folder: The study.
        record: What it says of itself.
        trials: How many trials it has in total.
        baselines: Whether presets were trained beside the search.
        winner_seed: The seed of the winner's training, where there is a winner.
    """
    space = shlex.quote(str(folder / "search_space.yaml"))
    again = (
        f"python -m harness.sweep --search-space {space} --study {record.name}-again "
        f"--seed {record.seed} --trials {trials}" + (" --baselines" if baselines else "")
    )
    return Lineage(
        commands=(again, f"python -m harness.export --study {record.name}"),
        seed=record.seed,
        winner_seed=winner_seed,
        study_version=record.harness_version,
        commit=_commit(),
        lock_sha256=_lock_sha256(),
        python=platform.python_version(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
    )


def _commit() -> str | None:
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        # Without tags: the hash itself, whatever the repository calls its releases.
        found = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def _lock_sha256() -> str | None:
    lock = _ROOT / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None
