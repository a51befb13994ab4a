"""Look at a study's trials in Optuna from outside a sweep, and bring them up to its folder."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import optuna

from harness.core.errors import ConfigError, StudyError
from harness.core.events import Event, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.space.space import SearchSpace
from harness.study import optuna_trials
from harness.study.record import StudyRecord
from harness.study.trial_storage import (
    OVERRIDES,
    RETRY_OF,
    TrialStorage,
    journal_file,
    open_read_only,
)


@dataclasses.dataclass(frozen=True)
class StoredTrial:
    """One trial as Optuna has it.

    Args:
        number: Its number.
        finished: Whether it is closed; a trial that is not was interrupted or is queued.
        queued: Whether it waits for its first start.
        config: What its parameters make; None where they make none, or are not complete yet.
        outcome: What its attributes say of its end; None where they do not tell.
    """

    number: int
    finished: bool
    queued: bool
    config: GANConfig | None
    outcome: Outcome | None


class StoredStudy:
    """The trials of a study as Optuna has them.

    Args:
        folder: The study's folder; it gets a journal with the first trial added.
        record: What the study says of itself.
        space: What it searches.
        writes: Whether trials may be added and told of, because this process has the study's
            lock; if not, nothing is made or changed.

    Raises:
        StorageError: If the journal cannot be read or written, or is damaged.
    """

    def __init__(
        self, folder: Path, record: StudyRecord, space: SearchSpace, *, writes: bool = True
    ) -> None:
        self._folder = folder
        self._record = record
        self._space = space
        self._storage: TrialStorage | None = None
        self._study: optuna.Study | None = None
        if journal_file(folder).exists():
            if writes:
                self._open()
            else:
                self._study = open_read_only(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._storage is not None:
            self._storage.close()

    def trials(self) -> list[StoredTrial]:
        """Return all trials by number; none where there is no journal."""
        if self._study is None:
            return []
        return [self._describe(trial) for trial in self._study.get_trials(deepcopy=False)]

    def tell(self, number: int, outcome: Outcome) -> None:
        """Close an open trial with the outcome that its folder holds."""
        storage, study = self._open()
        optuna_trials.tell(study, storage.open_trial(study, number), outcome)

    def add(
        self,
        number: int,
        config: GANConfig,
        outcome: Outcome | None,
        history: Sequence[Event],
        retried: tuple[int, GANConfig] | None = None,
    ) -> None:
        """Append a trial that only its folder knows.

        Args:
            number: Its number, which must be the next one.
            config: Its configuration.
            outcome: How it ended; None leaves it running, to be gone on with.
            history: Its events; the rungs among them are what pruners compare with.
            retried: Number and configuration of the trial that it supersedes.

        Raises:
            ConfigError: If the search space does not hold it.
            StudyError: If Optuna lacks a trial before it.
        """
        trial = _frozen_trial(self._space, config, outcome, history, retried)
        if config.seed != derive_seed(self._record.seed, number, "training"):
            # Of another number before a fork: it goes on with the seed it began with.
            own = trial.user_attrs.get(OVERRIDES, {}) | {"seed": config.seed}
            trial.set_user_attr(OVERRIDES, own)
        _, study = self._open()
        expected = len(study.get_trials(deepcopy=False))
        if number != expected:
            raise StudyError(f"trial {expected:04d} before it is missing, so it has no number")
        study.add_trial(trial)

    def _open(self) -> tuple[TrialStorage, optuna.Study]:
        """Return the journal, opened to be written; made where there is none."""
        if self._storage is None or self._study is None:
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
        )


def describe_retry(
    space: SearchSpace, number: int, config: GANConfig, batch_size: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return parameters and attributes of a trial that supersedes one, with a smaller batch.

    Where the search space has no such batch size, the parameters stay and the batch size is kept
    beside them: the sampler then knows the trial by the batch size that was too large.

    Args:
        space: What is searched.
        number: The trial that ran out of memory.
        config: What that one trained.
        batch_size: The smaller batch.
    """
    attributes: dict[str, Any] = {RETRY_OF: number}
    try:
        params = space.params_of(config.model_copy(update={"batch_size": batch_size}))
    except ConfigError:
        params = space.params_of(config)
        attributes[OVERRIDES] = {"batch_size": batch_size}
    return params, attributes


def _frozen_trial(
    space: SearchSpace,
    config: GANConfig,
    outcome: Outcome | None,
    history: Sequence[Event],
    retried: tuple[int, GANConfig] | None,
) -> optuna.trial.FrozenTrial:
    """Return a trial as Optuna would hold it had it been asked for and told of its end."""
    if retried is None:
        params, attributes = space.params_of(config), dict[str, Any]()
    else:
        params, attributes = describe_retry(space, *retried, config.batch_size)
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
        user_attrs=attributes | {key: each for key, each in record.items() if each is not None},
        intermediate_values=rungs,
        constraints={record["reason"]: 1.0} if violated else None,
    )


def _outcome_of(trial: optuna.trial.FrozenTrial) -> Outcome | None:
    """Return the outcome that a trial's attributes hold; None where they lack some of it."""
    try:
        outcome = Outcome.from_dict({"best": None, "final": None, **trial.user_attrs})
    except (KeyError, TypeError, ValueError):
        return None
    complete = trial.state is optuna.trial.TrialState.COMPLETE
    return outcome if complete == (outcome.reason is Reason.FINISHED) else None
