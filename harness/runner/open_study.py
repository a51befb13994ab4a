"""An open study: a folder, the Optuna study inside it, and the rules for going on with both."""

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Sequence, Set
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from harness.core.errors import StudyError
from harness.core.files import write_json, write_text
from harness.core.locks import LOCK_FILE, lock_folder
from harness.core.provenance import code_commit, lock_sha256
from harness.core.score import Protocol
from harness.core.seeds import derive_seed
from harness.data.request import DatasetRequest
from harness.gan.config.config import GANConfig
from harness.gan.user_code.user_functions import FOLDER, write_copies
from harness.optimization.promotion import promote, promotion_for
from harness.optimization.pruners import pruner_for
from harness.optimization.samplers import sampler_for, visible_trials
from harness.space.space import SearchSpace
from harness.study.data_place import write_place
from harness.study.own_folders import BASELINES, TRIALS
from harness.study.record import StudyRecord, check_study_name, read_own_study, read_study
from harness.study.repair import describe_retry
from harness.study.trial_storage import (
    OVERRIDES,
    RETRY_OF,
    SUPERSEDED_BY,
    TrialStorage,
    journal_file,
    refuse_database,
)
from harness.training.training_folder import TrainingFolder

_SMALLEST_BATCH = 2


class Study:
    """A study that this process runs, and no other.

    Args:
        studies_dir: The folder of all studies.
        name: Name of this one.
        space: What is searched.
        seed: Origin of every random stream; None for the stored one, or 0 in a new study.
        protocol: How trials are scored.
        class_names: The names of the images' classes; None where they have no labels.
    """

    def __init__(
        self,
        studies_dir: Path,
        name: str,
        *,
        space: SearchSpace,
        seed: int | None,
        protocol: Protocol,
        class_names: tuple[str, ...] | None = None,
    ) -> None:
        self.folder = studies_dir / check_study_name(name)
        self.space = space
        _refuse_strangers(self.folder)
        refuse_database(self.folder)
        self._lock = lock_folder(
            self.folder,
            "another sweep is running this study. Wait for it, stop it, or choose another "
            "--study.",
        )
        try:
            self.record = self._open_record(name, seed, protocol, class_names=class_names)
            self._storage = TrialStorage(self.folder, writes=True)
            pruner = pruner_for(space.pruner, space.budget.rungs_kimg)
            self.optuna = self._storage.open_study(name, pruner)
            self._promotion = promotion_for(space)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let others have the study."""
        self._storage.close()
        self._lock.close()

    def trial_folder(self, number: int) -> TrainingFolder:
        """Return the folder of a trial."""
        return TrainingFolder(self.folder / TRIALS / f"{number:04d}")

    def baseline_folder(self, preset: str) -> TrainingFolder:
        """Return the folder of a preset trained beside the search."""
        return TrainingFolder(self.folder / BASELINES / preset)

    def next_trial(self, total: int, begun: Set[int]) -> tuple[optuna.Trial, GANConfig] | None:
        """Return an interrupted trial, or one that is promoted, or a new one; None without any.

        Args:
            total: How many it shall have.
            begun: Numbers of the trials that are under way.
        """
        trials, promotion = self._trials(), self._promotion
        for frozen in trials:
            is_open = frozen.state is TrialState.RUNNING and not promotion.waits(frozen)
            if is_open and frozen.number not in begun:
                return self.reopen(frozen)
        due = promotion.due(trials, begun)
        if due is None and _count_begun(trials) < total:
            return self.ask()
        due = due or promotion.last_resort(trials)
        if due is None or due.number in begun:
            return None
        promote(self.open_trial(due.number), due.last_step)
        return self.reopen(due)

    def pauses(self, trial: optuna.Trial, begun: Set[int]) -> bool:
        """Return whether a trial is to wait at the rung that it has reached.

        It goes on where it would be the next one promoted: nothing is then compiled anew.

        Args:
            trial: The trial, whose score has been reported.
            begun: Numbers of the trials that are under way.
        """
        trials = self._trials()
        frozen = trials[trial.number]
        if not self._promotion.waits(frozen):
            return False
        if self._promotion.due(trials, begun - {trial.number}) is not frozen:
            return True
        promote(trial, frozen.last_step)
        return False

    def hopeless(self, total: int) -> list[tuple[FrozenTrial, str]]:
        """Return the paused trials that can no longer be promoted, each with its place.

        Args:
            total: How many trials the study shall have.
        """
        trials = self._trials()
        to_come = max(0, total - _count_begun(trials))
        return self._promotion.hopeless(trials, to_come=to_come)

    def ask(self) -> tuple[optuna.Trial, GANConfig]:
        """Return a new trial with its configuration, already stored in its folder."""
        trials = self._trials()
        # Queued trials already have their numbers, and come first.
        queued = (trial.number for trial in trials if trial.state is TrialState.WAITING)
        return self._propose(next(queued, len(trials)), trials, self.optuna.ask)

    def reopen(self, frozen: FrozenTrial) -> tuple[optuna.Trial, GANConfig]:
        """Return an interrupted trial with its configuration, as it was proposed."""
        number = frozen.number
        return self._propose(number, self._trials(), lambda: self.open_trial(number))

    def open_trial(self, number: int) -> optuna.Trial:
        """Return a trial that was begun."""
        return self._storage.open_trial(self.optuna, number)

    def enqueue_retry(self, trial: optuna.Trial, config: GANConfig) -> int | None:
        """Queue the trial that supersedes one, once; a replay finds it there.

        Args:
            trial: The trial that ran out of memory.
            config: What it trained.

        Returns:
            The number of the new trial; None if there is nothing to try: the trial was a retry
            itself, or its batch cannot be halved.
        """
        half = config.batch_size // 2
        if RETRY_OF in trial.user_attrs or half < _SMALLEST_BATCH:
            return None
        queued = self._retry_of(trial.number)
        if queued is None:
            params, attributes = describe_retry(self.space, trial.number, config, half)
            self.optuna.enqueue_trial(params, user_attrs=attributes)
            queued = self._retry_of(trial.number)
        return queued

    def interrupted(self) -> list[FrozenTrial]:
        """Return the trials that were started and have no end in Optuna."""
        return [trial for trial in self._trials() if trial.state is TrialState.RUNNING]

    def count_ended(self) -> int:
        """Return how many trials have ended; one that another supersedes does not count."""
        return _count_ended(self._trials())

    def count_begun(self) -> int:
        """Return how many trials have begun; one that another supersedes does not count."""
        return _count_begun(self._trials())

    def _trials(self) -> list[FrozenTrial]:
        return self.optuna.get_trials(deepcopy=False)

    def _retry_of(self, number: int) -> int | None:
        found = (t.number for t in self._trials() if t.user_attrs.get(RETRY_OF) == number)
        return next(found, None)

    def _propose(
        self, number: int, trials: Sequence[FrozenTrial], open_trial: Callable[[], optuna.Trial]
    ) -> tuple[optuna.Trial, GANConfig]:
        """Return a trial with its configuration; the journal gets all of the proposal or none."""
        shown = visible_trials(self.space, trials)
        # Each trial has a random stream of its own, whenever it is asked for.
        self.optuna.sampler = sampler_for(
            self.space, study_seed=self.record.seed, number=number, trials=shown
        )
        seed = derive_seed(self.record.seed, number, "training")
        with self._storage.transaction(), self._storage.showing(shown):
            trial = open_trial()
            config = self.space.suggest(trial, seed=seed)
            config = config.model_copy(update=trial.user_attrs.get(OVERRIDES, {}))
        folder = self.trial_folder(number)
        if folder.read_config() not in (None, config):
            raise StudyError(
                f"{folder.path}: holds another configuration than the journal gives trial "
                f"{number}, so one of the two was lost or replaced. Restore "
                f"{journal_file(self.folder)} from a copy, or choose a new --study."
            )
        folder.write_config(config)
        return trial, config

    def _open_record(
        self,
        name: str,
        seed: int | None,
        protocol: Protocol,
        *,
        class_names: tuple[str, ...] | None,
    ) -> StudyRecord:
        path = self.folder / "study.json"
        asked = StudyRecord(
            id=str(uuid.uuid4()),
            name=name,
            seed=seed or 0,
            dataset=self.space.dataset,
            protocol=dataclasses.asdict(protocol),
            extractor=self.space.protocol.extractor,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            class_names=class_names,
        )
        if not path.exists():
            # study.json is written last: a study exists when it does.
            write_copies(self.folder, self.space.files)
            write_text(self.folder / "search_space.yaml", self.space.to_yaml())
            asked = dataclasses.replace(asked, commit=code_commit(), lock_sha256=lock_sha256())
            write_json(path, dataclasses.asdict(asked))
            return asked
        stored = read_own_study(self.folder)
        if seed is None:
            asked = dataclasses.replace(asked, seed=stored.seed)
        self._refuse_changes(stored, asked)
        if (stored.dataset, stored.extractor) != (asked.dataset, asked.extractor):
            write_place(self.folder, dataset=asked.dataset, extractor=asked.extractor)
        return read_study(self.folder)

    def _refuse_changes(self, stored: StudyRecord, asked: StudyRecord) -> None:
        """Refuse what changes a study; images and extractors are known by their content."""
        old_space = SearchSpace.of_study(self.folder)
        lines = [
            f"protocol.{key}: {stored.protocol.get(key)} -> {new}"
            for key, new in asked.protocol.items()
            if stored.protocol.get(key) != new
        ]
        images = [DatasetRequest.parse(each.dataset) for each in (stored, asked)]
        if not lines and images[0].is_but_elsewhere(images[1]):
            old_space = old_space.on_dataset(asked.dataset).seen_through(asked.extractor)
            stored = dataclasses.replace(stored, dataset=asked.dataset)
        lines = old_space.diff(self.space) + lines
        for field in ("seed", "dataset", "semantics_version"):
            old, new = getattr(stored, field), getattr(asked, field)
            if old != new:
                lines.append(f"{field}: {old} -> {new}")
        if stored.protocol != asked.protocol:
            pair = [Protocol(**each.protocol) for each in (stored, asked)]
            names = [f"{each.name} ({each.fingerprint})" for each in pair]
            lines.append(f"scores: {names[0]} -> {names[1]}")
        if lines:
            raise StudyError(
                f"{self.folder}: the study was made with other settings, so its trials would not "
                f"compare with new ones:\n  "
                + "\n  ".join(dict.fromkeys(lines))
                + "\nGo on with the settings it has, choose a new --study, or begin one with what "
                f"can be taken over from this one: --study NEW --fork {self.folder.name}."
            )


def _count_begun(trials: Sequence[FrozenTrial]) -> int:
    """Return how many trials have begun; one that another supersedes does not count."""
    return sum(t.state is TrialState.RUNNING for t in trials) + _count_ended(trials)


def _count_ended(trials: Sequence[FrozenTrial]) -> int:
    ended = (trial for trial in trials if trial.state.is_finished())
    return sum(SUPERSEDED_BY not in trial.user_attrs for trial in ended)


def _refuse_strangers(folder: Path) -> None:
    """Refuse to make a study of a folder that holds something else."""
    if not folder.is_dir():
        return
    # What a study that was only begun may have left.
    own = {LOCK_FILE, "search_space.yaml", FOLDER}
    names = (path.name for path in folder.iterdir())
    others = sorted(name for name in names if name not in own and not name.startswith("."))
    # Looked at last: another sweep may be making the study at this moment.
    if others and not (folder / "study.json").exists():
        raise StudyError(
            f"{folder}: is no study but holds {', '.join(others[:5])}, which is left alone. "
            f"Choose another --study or --studies-dir."
        )
