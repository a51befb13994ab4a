"""Look at what Optuna holds of a study from outside a sweep, and bring it up to its folder."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import optuna

from harness.core.errors import ConfigError
from harness.core.events import Event, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.space.space import SearchSpace
from harness.study import optuna_trials
from harness.study.record import StudyRecord
from harness.study.storage import (
    OVERRIDES,
    SUPERSEDED_BY,
    TrialStorage,
    journal_file,
    storage_faults,
)


@dataclasses.dataclass(frozen=True)
class StoredTrial:
    """What Optuna knows of one trial.

    Args:
        number: Its number.
        finished: Whether it is closed; a trial that is not was interrupted or is queued.
        queued: Whether it waits for its first start.
        config: What its parameters make; None where they make none, or are not complete yet.
        outcome: What its attributes say of its end; None where they do not tell.
        superseded: Whether a retry took its place in the count.
    """

    number: int
    finished: bool
    queued: bool
    config: GANConfig | None
    outcome: Outcome | None
    superseded: bool


class StoredStudy:
    """What Optuna holds of a study; to be used only while the study's lock is held.

    It is opened for reading until something is written.

    Args:
        folder: The study's folder.
        record: What the study says of itself.
        space: What it searches.

    Raises:
        StorageError: If the journal cannot be used.
    """

    def __init__(self, folder: Path, record: StudyRecord, space: SearchSpace) -> None:
        self._folder = folder
        self._record = record
        self._space = space
        self._study: optuna.Study | None = None
        self._storage: TrialStorage | None = None
        if journal_file(folder).exists():
            with self._faults(), contextlib.suppress(KeyError):  # killed before it had a study
                storage = TrialStorage(folder, writes=False)
                self._study = optuna.load_study(study_name=record.name, storage=storage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._storage is not None:
            self._storage.journal.close()

    def trials(self) -> list[StoredTrial]:
        """Return all trials by number; none where there is no journal."""
        if self._study is None:
            return []
        with self._faults():
            return [self._describe(trial) for trial in self._study.get_trials(deepcopy=False)]

    def tell(self, number: int, outcome: Outcome) -> None:
        """Close an open trial with the outcome that its folder holds."""
        storage, study = self._open()
        with self._faults():
            optuna_trials.tell(storage.open_trial(study, number), outcome)

    def add(self, config: GANConfig, outcome: Outcome | None, history: Sequence[Event]) -> None:
        """Append a trial that only its folder knows; it gets the next number.

        Raises:
            ConfigError: If the search space does not hold it.
        """
        _, study = self._open()
        trial = frozen_trial(self._space, config, outcome, history)
        with self._faults():
            study.add_trial(trial)

    def _open(self) -> tuple[TrialStorage, optuna.Study]:
        """Return storage and study, opened for writing."""
        if self._storage is None or self._study is None:
            with self._faults():
                self._storage = TrialStorage(self._folder, writes=True)
                self._study = self._storage.open_study(self._record.name)
        return self._storage, self._study

    def _describe(self, trial: optuna.trial.FrozenTrial) -> StoredTrial:
        seed = derive_seed(self._record.seed, trial.number, "training")
        try:
            config = self._space.suggest(trial, seed=seed)
            config = config.model_copy(update=trial.user_attrs.get(OVERRIDES, {}))
        except (ConfigError, ValueError):  # Optuna's word for a parameter not suggested yet
            config = None
        state = trial.state
        return StoredTrial(
            number=trial.number,
            finished=state.is_finished(),
            queued=state is optuna.trial.TrialState.WAITING,
            config=config,
            outcome=_outcome_of(trial),
            superseded=SUPERSEDED_BY in trial.user_attrs,
        )

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        remedy = (
            f"Restore it from a copy; or move it away and run gansweep doctor --study "
            f"{self._record.name} --repair, which makes it anew from the folders of the trials."
        )
        with storage_faults(self._folder, remedy):
            yield


def frozen_trial(
    space: SearchSpace, config: GANConfig, outcome: Outcome | None, history: Sequence[Event]
) -> optuna.trial.FrozenTrial:
    """Return a trial as Optuna would hold it had it been asked for and told of its end.

    Args:
        space: What is searched.
        config: The trial's configuration.
        outcome: How it ended; None leaves it running, to be gone on with.
        history: Its events; the rungs among them are what pruners compare with.

    Raises:
        ConfigError: If the search space does not hold the configuration.
    """
    params = space.params_of(config)
    distributions = space.distributions()
    rungs = {
        round(event.kimg): event.best.value for event in history if isinstance(event, RungScored)
    }
    state, value = optuna.trial.TrialState.RUNNING, None
    if outcome is not None:
        state = optuna_trials.end_state(outcome.reason)
        if outcome.best is not None and state is not optuna.trial.TrialState.FAIL:
            value = outcome.best.value
            rungs = rungs or {round(outcome.best.kimg): value}
    record = outcome.to_dict() if outcome else {}
    violated = outcome is not None and outcome.reason in optuna_trials.VIOLATIONS
    return optuna.trial.create_trial(
        state=state,
        value=value,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={key: each for key, each in record.items() if each is not None},
        intermediate_values=rungs,
        constraints={record["reason"]: 1.0} if violated else None,
    )


def _outcome_of(trial: optuna.trial.FrozenTrial) -> Outcome | None:
    """Return what `optuna_trials.tell` stored; None where it stored nothing, or not all."""
    try:
        outcome = Outcome.from_dict({"best": None, "final": None, **trial.user_attrs})
    except (KeyError, TypeError, ValueError):
        return None
    complete = trial.state is optuna.trial.TrialState.COMPLETE
    return outcome if complete == (outcome.reason is Reason.FINISHED) else None
