"""Find what is damaged or left over in a study's folders."""

import functools
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import DamagedError, DataError, HarnessError
from harness.core.files import storage_error
from harness.core.scratch import PREFIX, find_left, remove_left
from harness.data.memory import check_archive
from harness.diagnosis.examined import Examined, ExaminedTraining
from harness.diagnosis.finding import Finding, fail, warn
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import place_of
from harness.study.repair import StoredTrial
from harness.training.checkpoint import load_checkpoint


def check_files(study: Examined) -> Iterator[Finding]:
    """Yield what is wrong with the files themselves; the first stage of a repair."""
    yield from _leftovers(study.folder)
    stored = study.stored_trials()
    winner = _winner(study)
    for training in study.trainings():
        known = stored.get(training.number) if training.number is not None else None
        yield from _outcome(training, known)
        yield from _config(training, known.config if known else None)
        yield from _checkpoints(training)
        yield from _networks(training, is_winner=training == winner)


def _leftovers(folder: Path) -> Iterator[Finding]:
    """Find the unfinished files of processes that were killed while they wrote them."""
    hidden = [
        path
        for path in folder.rglob(".*.tmp*")
        # An export may be at work: what it writes is in a folder of its own.
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(PREFIX)
    ]
    histories = list(folder.rglob("history.jsonl.tmp"))
    for path in sorted(hidden + histories):
        yield warn(
            "temporary file",
            f"{path} was left by a process that was killed",
            functools.partial(_remove, path),
        )
    for path in find_left(folder):
        yield warn(
            "temporary folder",
            f"{path} was left by an export that was killed: nothing in it is proven, and the next "
            f"export removes it",
            functools.partial(remove_left, path, folder / "export"),
        )


def _outcome(training: ExaminedTraining, known: StoredTrial | None) -> Iterator[Finding]:
    try:
        training.folder.read_outcome()
    except HarnessError:
        file = training.folder.outcome_file
        if known is not None and known.outcome is not None:
            mend = functools.partial(training.folder.write_outcome, known.outcome)
            how = "Optuna has it too"
        elif known is not None and known.finished:
            mend, how = None, "Optuna knows too little of it. Restore it from a copy"
        else:
            mend = functools.partial(_remove, file)
            how = "without it the training goes on from its checkpoint"
        yield fail(training.title, f"{file} is damaged; {how}", mend)


def _config(training: ExaminedTraining, made: GANConfig | None) -> Iterator[Finding]:
    """Find configurations that are missing, damaged, or not what Optuna's parameters make."""
    folder = training.folder
    try:
        config = folder.read_config()
        problem = "is missing" if config is None else ""
    except HarnessError:
        config, problem = None, "is damaged"
    if not problem:
        # A forked trial keeps its seed when it moves up, and Optuna knows no seeds.
        if config and made and made != config.model_copy(update={"seed": made.seed}):
            yield fail(
                training.title,
                f"{folder.config_file} is another configuration than Optuna's parameters make. "
                f"One of the two was replaced: restore it from a copy",
            )
        return
    mend = None
    if made is not None:
        mend = functools.partial(folder.write_config, made)
    elif not any(folder.path.iterdir()):
        return  # killed between asking for the trial and storing it: nothing is lost
    how = "Optuna's parameters make it" if mend else "restore it from a copy"
    yield fail(training.title, f"{folder.config_file} {problem}; {how}", mend)


def _checkpoints(training: ExaminedTraining) -> Iterator[Finding]:
    """Find damaged checkpoints; a training goes on from any sound one, or begins anew."""
    files = sorted(training.folder.path.glob("checkpoint*.npz"))
    damaged = [path for path in files if not _is_sound(path)]
    for path in damaged:
        others = [other.name for other in files if other not in damaged]
        if training.outcome() is not None:
            then = "the training has ended and does not need it"
        elif others:
            then = f"{', '.join(others)} is sound, and the training goes on from it"
        else:
            then = "there is no other, and the training begins anew"
        yield warn(training.title, f"{path} is damaged; {then}", functools.partial(_remove, path))


def _is_sound(checkpoint: Path) -> bool:
    try:
        load_checkpoint(checkpoint)
    except DamagedError:
        return False
    except HarnessError:
        return True  # it cannot be looked at here, and so is not to be removed
    return True


def _winner(study: Examined) -> ExaminedTraining | None:
    """Return the trial with the best kept generator, as far as outcomes can be read."""
    places = {
        training: place_of(outcome, training.name)
        for training in study.trainings()
        if not training.is_baseline
        and (outcome := training.outcome() or training.standing())
        and outcome.competes
    }
    return min(places, key=lambda training: places[training], default=None)


def _networks(training: ExaminedTraining, *, is_winner: bool) -> Iterator[Finding]:
    """Find damaged networks, and missing ones of the winner; nothing can make them again."""
    for path in (training.folder.generator_file, training.folder.discriminator_file):
        if path.exists() and not (path.is_file() and _is_whole_archive(path)):
            yield fail(
                training.title,
                f"{path} is damaged, so it cannot be exported. Restore it from a copy",
            )
        elif is_winner and not path.exists():
            # Others may lack theirs: `--keep` says whose stay.
            yield warn(
                training.title,
                f"{path} is missing: its score stands, but the winner cannot be exported",
            )


def _is_whole_archive(path: Path) -> bool:
    try:
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (DataError, OSError, EOFError, ValueError, RuntimeError):
        return False
    except (zipfile.BadZipFile, zlib.error):
        return False


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
