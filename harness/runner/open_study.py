"""Open a study: a folder, the Optuna study inside it, and the rules for going on with both."""

import contextlib
import dataclasses
import datetime
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import optuna
import sqlalchemy

from harness.core.errors import StorageError, StudyError
from harness.core.files import write_once, write_text
from harness.core.locks import LOCK_FILE, lock_folder
from harness.core.provenance import code_commit, lock_sha256
from harness.core.score import Protocol
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.gan.user_code.user_functions import FOLDER
from harness.optimization.pruners import pruner_for
from harness.optimization.samplers import sampler_for
from harness.space.space import SearchSpace
from harness.study.leases import TURN, Leases
from harness.study.record import StudyRecord, check_study_name, read_study
from harness.study.storage import OVERRIDES, Storage, optuna_name
from harness.study.storage_url import find_storage
from harness.study.study_access import Share
from harness.study.trial_cache import TrialCache, written_at_once
from harness.study.trial_index import TrialIndex
from harness.training.training_folder import TrainingFolder
from harness.training.user_files import write_copies


class Study:
    """Open a study to run it: alone, or where a server keeps it with others that share it.

    Args:
        studies_dir: The folder of all studies.
        name: Name of this one.
        space: What is searched.
        seed: Origin of every random stream; None for the stored one, or 0 in a new study.
        protocol: How trials are scored.
        storage: Its database; by default where `find_storage` finds it.
    """

    def __init__(
        self,
        studies_dir: Path,
        name: str,
        *,
        space: SearchSpace,
        seed: int | None,
        protocol: Protocol,
        storage: Storage | None = None,
    ) -> None:
        self.folder = studies_dir / check_study_name(name)
        self.space = space
        self.storage = storage or find_storage(self.folder)
        self.storage.check()
        self._engine: sqlalchemy.Engine | None = None
        self.share = Share(self.storage)
        _refuse_strangers(self.folder)
        self._lock = lock_folder(
            self.folder,
            "another sweep is running this study. Wait for it, stop it, or choose another "
            "--study.",
            shared=self.storage.file is None,
        )
        try:
            with self.storage_faults():
                self._open(name, seed, protocol)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others have the study."""
        with contextlib.suppress(StorageError):
            self.share.close()  # or else it expires
        if self._engine is not None:
            self._engine.dispose()
        self._lock.close()

    def trial_folder(self, number: int) -> TrainingFolder:
        """Return the folder of a trial."""
        return TrainingFolder(self.folder / "trials" / f"{number:04d}")

    def baseline_folder(self, preset: str) -> TrainingFolder:
        """Return the folder of a preset trained beside the search."""
        return TrainingFolder(self.folder / "baselines" / preset)

    def ask(self) -> tuple[optuna.Trial, GANConfig] | None:
        """Return the next trial with its configuration, already stored in its folder.

        Where others share the study, only to be called in this sweep's turn.

        Returns:
            None if this sweep was suspended so long that its turn, or the trial, passed to
                another one.
        """
        with self.storage_faults():
            index = self.index()
            # Queued trials already have their numbers, and are handed out first.
            queued = index.of(optuna.trial.TrialState.WAITING).numbers
            self._reseed(queued[0] if queued else len(index.all))
            trial = self.optuna.ask()
            name = f"{trial.number:04d}"
            if not self.share.claim(name):
                return None  # taken for an interrupted one, and counted there
            if not self.share.keeps(TURN):
                # Counted by nobody, so it may be one too many: whoever needs one takes it.
                self.optuna._storage.set_trial_state_values(
                    trial._trial_id, optuna.trial.TrialState.WAITING
                )
                self.share.release(name)
                return None
        config = self._configure(trial)
        return None if config is None else (trial, config)

    def reopen(self, frozen: optuna.trial.FrozenTrial) -> tuple[optuna.Trial, GANConfig] | None:
        """Return an interrupted trial with its configuration.

        Parameters that were suggested before the interruption come back from the storage, so a
        trial cut short while it was asked for gets the rest of its parameters now.

        Returns:
            None if this sweep was suspended so long that another one took the trial.
        """
        self._reseed(frozen.number)
        with self.storage_faults():
            trial = optuna.Trial(self.optuna, frozen._trial_id)
        config = self._configure(trial)
        return None if config is None else (trial, config)

    def index(self) -> TrialIndex:
        """Return all trials as they are at this moment, in groups."""
        with self.storage_faults():
            return self._cache.index(self.optuna._study_id)

    def interrupted(self) -> list[optuna.trial.FrozenTrial]:
        """Return the trials that were started and have no end in Optuna."""
        return list(self.index().of(optuna.trial.TrialState.RUNNING).trials)

    def count_ended(self) -> int:
        """Return how many trials have ended; one that another supersedes does not count."""
        return self.index().count_ended

    def is_running(self, frozen: optuna.trial.FrozenTrial) -> bool:
        """Return whether a trial has no end in Optuna at this moment."""
        with self.storage_faults():
            self._cache.disown(frozen._trial_id)  # others may have had it since this sweep did
            state = self._cache.get_trial(frozen._trial_id).state
            return state is optuna.trial.TrialState.RUNNING

    @contextlib.contextmanager
    def storage_faults(self) -> Iterator[None]:
        """Turn what the database reports into one clear message."""
        with self.storage.faults():
            yield

    def _reseed(self, number: int) -> None:
        """Give the sampler its own random stream for each trial, whoever asks for it and when."""
        self.optuna.sampler = sampler_for(
            self.space,
            study_seed=self.record.seed,
            trial_seed=derive_seed(self.record.seed, number, "sampler"),
        )

    def _configure(self, trial: optuna.Trial) -> GANConfig | None:
        seed = derive_seed(self.record.seed, trial.number, "training")
        try:
            with self.storage_faults(), written_at_once(self.optuna):
                config = self.space.suggest(trial, seed=seed)
                config = config.model_copy(update=trial.user_attrs.get(OVERRIDES, {}))
                if not self.share.keeps(f"{trial.number:04d}"):
                    raise _TakenError  # and nothing of it is written
        except _TakenError:
            return None
        folder = self.trial_folder(trial.number)
        if folder.read_config() not in (None, config):
            raise StudyError(
                f"{folder.path}: holds another configuration than the database gives trial "
                f"{trial.number}, so one of the two was lost or replaced. Restore "
                f"{self.storage.place} from a copy, or choose a new --study."
            )
        folder.write_config(config)
        return config

    def _open(self, name: str, seed: int | None, protocol: Protocol) -> None:
        if self.storage.file is not None:
            self.record = self._open_record(name, seed, protocol)
            self.optuna = self._open_optuna(self.storage.open())
            return
        storage = self.storage.open()
        seconds = self.storage.lease_seconds
        # Of two sweeps that begin the study at once, one shall find what the other made.
        with Leases(storage.engine, name, seconds=seconds).held("beginning"):
            self.record = self._open_record(name, seed, protocol)
            self.optuna = self._open_optuna(storage)
        leases = Leases(storage.engine, self.record.id, seconds=seconds)
        leases.join()
        self.share = Share(self.storage, leases)

    def _open_record(self, name: str, seed: int | None, protocol: Protocol) -> StudyRecord:
        path = self.folder / "study.json"
        asked = StudyRecord(
            id=str(uuid.uuid4()),
            name=name,
            seed=seed or 0,
            dataset=self.space.dataset,
            protocol=dataclasses.asdict(protocol),
            extractor=self.space.protocol.extractor,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            storage=self.storage.remembered,
        )
        if not path.exists():
            # study.json is written last: a study exists when it does.
            write_copies(self.folder, self.space.files)
            write_text(self.folder / "search_space.yaml", self.space.to_yaml())
            asked = dataclasses.replace(asked, commit=code_commit(), lock_sha256=lock_sha256())
            text = json.dumps(dataclasses.asdict(asked), indent=2) + "\n"
            if write_once(path, text):
                return asked
        stored = read_study(self.folder)
        if seed is None:
            asked = dataclasses.replace(asked, seed=stored.seed)
        self._refuse_changes(stored, asked)
        return stored

    def _refuse_changes(self, stored: StudyRecord, asked: StudyRecord) -> None:
        old_space = SearchSpace.load(str(self.folder / "search_space.yaml"))
        lines = old_space.diff(self.space)
        for field in ("seed", "dataset", "semantics_version"):
            old, new = getattr(stored, field), getattr(asked, field)
            if old != new:
                lines.append(f"{field}: {old} -> {new}")
        for key, new in asked.protocol.items():
            old = stored.protocol.get(key)
            if old != new:
                lines.append(f"protocol.{key}: {old} -> {new}")
        database = find_storage(self.folder)
        if not database.is_same(self.storage):
            lines.append(f"storage: {database.place} -> {self.storage.place}")
        if lines:
            raise StudyError(
                f"{self.folder}: the study was made with other settings, so its trials would not "
                f"compare with new ones:\n  "
                + "\n  ".join(dict.fromkeys(lines))
                + "\nGo on with the settings it has, or choose a new --study."
            )

    def _open_optuna(self, storage: optuna.storages.RDBStorage) -> optuna.Study:
        self._engine = storage.engine
        self._cache = TrialCache(storage, alone=self.storage.file is not None)
        return optuna.create_study(
            study_name=optuna_name(self.record),
            storage=self._cache,
            direction="minimize",
            pruner=pruner_for(self.space.pruner, self.space.budget.rungs_kimg),
            load_if_exists=True,
        )


class _TakenError(Exception):
    """Tell that another sweep took a trial while it was proposed."""


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
