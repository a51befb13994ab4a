"""Look at a study's Optuna database from outside a sweep, and bring it up to its folder."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Self

import optuna
import sqlalchemy

from harness.core.errors import ConfigError
from harness.core.events import Event, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.space.space import SearchSpace
from harness.study import optuna_trials
from harness.study.record import StudyRecord
from harness.study.storage import OVERRIDES, SUPERSEDED_BY, Storage


@dataclasses.dataclass(frozen=True)
class StoredTrial:
    """Hold what Optuna knows of one trial.

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
    """Open a study's database; only while the study's lock is held.

    Args:
        storage: Its database.
        record: What the study says of itself.
        space: What it searches.

    Raises:
        StorageError: If the database cannot be used.
    """

    def __init__(self, storage: Storage, record: StudyRecord, space: SearchSpace) -> None:
        self._storage = storage
        self._record = record
        self._space = space
        self._study: optuna.Study | None = None
        self._engine: sqlalchemy.Engine | None = None
        if storage.file.exists():
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def trials(self) -> list[StoredTrial]:
        """Return all trials by number; none where there is no database."""
        if self._study is None:
            return []
        with self._faults():
            return [self._describe(trial) for trial in self._study.get_trials(deepcopy=False)]

    def tell(self, number: int, outcome: Outcome) -> None:
        """Close an open trial with the outcome that its folder holds."""
        study = self._open()
        with self._faults():
            frozen = study.get_trials(deepcopy=False)[number]
            optuna_trials.tell(study, optuna.Trial(study, frozen._trial_id), outcome)

    def add(self, config: GANConfig, outcome: Outcome | None, history: Sequence[Event]) -> None:
        """Append a trial that only its folder knows; it gets the next number.

        Raises:
            ConfigError: If the search space does not hold it.
        """
        study = self._open()
        trial = frozen_trial(self._space, config, outcome, history)
        with self._faults():
            study.add_trial(trial)

    def _open(self) -> optuna.Study:
        if self._study is None:
            with self._faults():
                storage = self._storage.open()
                self._engine = storage.engine
                self._study = optuna.create_study(
                    study_name=self._record.name,
                    storage=storage,
                    direction="minimize",
                    load_if_exists=True,
                )
        return self._study

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
            f"Restore it from a copy; or move it away with the files beside it that end "
            f"in -wal and -shm, and run gansweep doctor --study {self._record.name} "
            f"--repair, which makes it anew from the folders of the trials."
        )
        with self._storage.faults(remedy):
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
    """Return what `objective.tell` stored; None where it stored nothing, or not all."""
    try:
        outcome = Outcome.from_dict({"best": None, "final": None, **trial.user_attrs})
    except (KeyError, TypeError, ValueError):
        return None
    complete = trial.state is optuna.trial.TrialState.COMPLETE
    return outcome if complete == (outcome.reason is Reason.FINISHED) else None
