"""How a study comes about again: the command, the seeds, the code and its packages."""

import dataclasses
import importlib.metadata
import platform
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.confirmation.result import Confirmation
from harness.core.errors import plain_text
from harness.core.files import shared_path
from harness.reporting.trials import TrialData
from harness.space.space import SearchSpace, space_names
from harness.study.record import StudyRecord

_PACKAGES = ("tensorflow", "keras", "optuna", "numpy", "scipy")


@dataclasses.dataclass(frozen=True)
class Lineage:
    """What it takes to repeat a study.

    Args:
        commands: What to type, in order.
        seed: The study's seed, from which all others derive.
        winner_seed: The seed of the winner's training.
        study_version: The version of this package that created the study.
        commit: The commit of the code that created the study; `-dirty` behind it if files were
            changed since, None where that was not noted.
        lock_sha256: Hash of `requirements.lock` at that time; None where there was none.
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


def trace(record: StudyRecord, commands: Sequence[str], *, winner_seed: int | None) -> Lineage:
    """Return how a study comes about again.

    Args:
        record: What it says of itself.
        commands: What to type, as `repeat_commands` returns it.
        winner_seed: The seed of the winner's training, where there is a winner.
    """
    return Lineage(
        commands=tuple(commands),
        seed=record.seed,
        winner_seed=winner_seed,
        study_version=record.harness_version,
        commit=record.commit,
        lock_sha256=record.lock_sha256,
        python=platform.python_version(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
    )


def name_space(space: SearchSpace, folder: Path) -> str:
    """Return the name under which the package has a study's search space, or else its file.

    Args:
        space: The study's.
        folder: The study.
    """
    if space.name in space_names():
        shipped = SearchSpace.load(space.name)
        if (shipped.sha256, shipped.finish) == (space.sha256, space.finish):
            return space.name
    return shared_path(folder / "search_space.yaml")


def baseline_options(baselines: Iterable[TrialData]) -> str:
    """Return the options that train presets beside a search for as long as these were.

    Args:
        baselines: Older ones did not note what they were given; the default stands for it.
    """
    given = [each.outcome.allowed_seconds if each.outcome else None for each in baselines]
    if not given:
        return ""
    known = [seconds for seconds in given if seconds is not None]
    return f"--baselines --baseline-seconds {max(known):g}" if known else "--baselines"


def repeat_commands(
    record: StudyRecord,
    *,
    space: str,
    trials: int,
    baselines: str = "",
    finish: bool = False,
    confirmation: Confirmation | None = None,
    formats: Sequence[str] = (),
) -> list[str]:
    """Return what to type for all that was done to a study, from its beginning to its export.

    Args:
        record: What it says of itself.
        space: What `--search-space` is given: a name where the package has the same space.
        trials: How many trials it has in total.
        baselines: Options for the presets trained beside the search, as typed; empty for none.
        finish: Whether the leaders were trained on by an option.
        confirmation: How the leaders were trained again, where they were.
        formats: What the winner was exported to; empty where that is not known.
    """
    name = shlex.quote(f"{record.name}-again")
    sweep = (
        f"gansweep sweep --search-space {shlex.quote(space)} --study {name} "
        f"--seed {record.seed:d} --trials {trials:d} {baselines}"
    )
    commands = [sweep.rstrip() + " --finish" * finish]
    if record.commit is not None and not record.commit.endswith("-dirty"):
        commands.insert(0, f"git checkout {shlex.quote(record.commit)}")
    if confirmation is not None:
        options = f"--study {name} --top {confirmation.top:d} --seeds {confirmation.seeds:d}"
        if confirmation.protocol.extractor != record.protocol["extractor"]:
            options += f" --extractor {shlex.quote(confirmation.protocol.extractor)}"
        commands.append(f"gansweep confirm {options}")
    formats = f" --formats {shlex.quote(','.join(formats))}" if formats else ""
    commands.append(f"gansweep export --study {name}{formats}")
    return [plain_text(command) for command in commands]
