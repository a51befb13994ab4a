"""Find the generator that a confirmation stands behind."""

import dataclasses
from pathlib import Path

from harness.confirmation.result import (
    CHOSEN_BY_ITS_JUDGE,
    CandidateResult,
    Confirmation,
    read_result,
)
from harness.core.errors import StudyError
from harness.study.leaderboard import Entry, find_entry
from harness.study.own_folders import CONFIRMATION, retraining_folders
from harness.training.training_folder import TrainingFolder


@dataclasses.dataclass(frozen=True)
class Choice:
    """The generator that is exported, and why.

    Args:
        entry: The training whose kept generator it is.
        why: Why this one, in a sentence.
        trial: The trial of the search that it is, or that it confirms.
    """

    entry: Entry
    why: str
    trial: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return what it is found by: the training's name, and its trial's if that is another."""
        return tuple(dict.fromkeys((self.entry.name, self.trial)))


def choose(study_folder: Path, trial: int | None = None) -> Choice:
    """Return the training to export: as asked for, the confirmed winner's, or the search's.

    A confirmed winner has as many generators as new seeds. The one with the best score on the
    validation split is taken: chosen by its test score, that score would flatter it.

    Args:
        study_folder: An existing study.
        trial: A number, to take that trial of the search and nothing else.

    Raises:
        StudyError: If the study has no such trial, no sound generator, or the folder of the
            confirmed winner is gone.
        StorageError: If the confirmation's result is damaged.
    """
    if trial is not None:
        entry = find_entry(study_folder, trial)
        return Choice(entry, "It was asked for by --trial.", entry.name)
    best = find_entry(study_folder)
    why = f"It has the best kept generator of the search, {best.stands}"
    result = read_result(study_folder)
    if result is None:
        return Choice(best, f"{why}. Nothing is confirmed.", best.name)
    winner = next((each for each in result.candidates if each.trial == result.winner), None)
    if winner is None:
        state = "found no winner" if result.complete else "has not ended"
        return Choice(best, f"{why}. The confirmation {state}.", best.name)
    return Choice(_best_seed(study_folder, winner), _why(result, winner, best), winner.trial)


def _best_seed(study_folder: Path, winner: CandidateResult) -> Entry:
    scored = [(seed.validation.value, seed) for seed in winner.seeds if seed.validation]
    best = min(scored, key=lambda pair: pair[0])[1].folder if scored else CONFIRMATION
    # Looked up, never joined: the result of a study that somebody sent may name any folder.
    own = {
        path.relative_to(study_folder).as_posix(): path
        for path in retraining_folders(study_folder)
    }
    folder = TrainingFolder(own[best]) if best in own else None
    config, outcome = (folder.read_config(), folder.read_outcome()) if folder else (None, None)
    if folder is None or config is None or outcome is None:
        raise StudyError(
            f"{study_folder}: the confirmed winner's training is gone: its result names "
            f"{best[:100]!r}. Train it again with gansweep confirm, or name a trial with --trial."
        )
    return Entry(folder.path.name, folder, config, outcome)


def _why(result: Confirmation, winner: CandidateResult, best: Entry) -> str:
    trained, chance = len(winner.seeds), winner.probability_best
    alone = len(result.candidates) == 1
    stands = f"is {result.doubt}" if result.doubt else "is the confirmed winner"
    why = (
        f"Trial {winner.trial} {'alone was retrained' if alone else stands}: "
        f"{result.protocol.name} {winner.text} on the test split over {trained} new "
        f"seed{'s' if trained > 1 else ''}"
    )
    if alone:
        why += ", compared with no other"
    elif chance is not None:
        why += f", the best of {len(result.candidates)} with probability {chance:.2f}"
    else:
        why += f", the first of {len(result.candidates)}, with no probability known"
    why += "."
    if not alone and not result.judged_apart:
        why += f" {CHOSEN_BY_ITS_JUDGE}"
    if trained > 1:
        why += " Of these trainings it is the one with the best score on the validation split."
    if best.name not in {each.trial for each in result.candidates}:
        why += f" Trial {best.name}, which the search has found since, is not confirmed."
    return why
