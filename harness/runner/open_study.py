"""Open a study: a folder, the Optuna study inside it, and the rules for going on with both."""

import contextlib
import dataclasses
import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from harness.core.errors import StudyError
from harness.core.files import write_json, write_text
from harness.core.locks import LOCK_FILE, lock_folder
from harness.core.provenance import code_commit, lock_sha256
from harness.core.score import Protocol
from harness.core.seeds import derive_seed
from harness.gan.config.config import GANConfig
from harness.gan.user_code.user_functions import FOLDER, write_copies
from harness.optimization.pruners import pruner_for
from harness.optimization.samplers import sampler_for, teaching_trials
from harness.space.space import SearchSpace
from harness.study.record import StudyRecord, check_study_name, read_study
from harness.study.storage import (
    OVERRIDES,
    SUPERSEDED_BY,
    TrialStorage,
    journal_file,
    refuse_old_database,
    storage_faults,
)
from harness.training.training_folder import TrainingFolder


class Study:
    """A study that this process runs, alone.

    Args:
        studies_dir: The folder of all studies.
        name: Name of this one.
        space: What is searched.
        seed: Origin of every random stream; None for the stored one, or 0 in a new study.
        protocol: How trials are scored.
    """

    def __init__(
        self,
        studies_dir: Path,
        name: str,
        *,
        space: SearchSpace,
        seed: int | None,
        protocol: Protocol,
    ) -> None:
        self.folder = studies_dir / check_study_name(name)
        self.space = space
        refuse_old_database(self.folder)
        _refuse_strangers(self.folder)
        lock = lock_folder(
            self.folder,
            "another sweep is running this study. Wait for it, stop it, or choose another "
            "--study.",
        )
        self._closing = contextlib.ExitStack()
        self._closing.callback(lock.close)
        try:
            self.record = self._open_record(name, seed, protocol)
            with self.storage_faults():
                self.storage = TrialStorage(self.folder, writes=True)
                self._closing.callback(self.storage.journal.close)
                self.optuna = self.storage.open_study(self.record.name)
            self.optuna.pruner = pruner_for(space.pruner, space.budget.rungs_kimg)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others have the study."""
        self._closing.close()

    def trial_folder(self, number: int) -> TrainingFolder:
        """Return the folder of a trial."""
        return TrainingFolder(self.folder / "trials" / f"{number:04d}")

    def baseline_folder(self, preset: str) -> TrainingFolder:
        """Return the folder of a preset trained beside the search."""
        return TrainingFolder(self.folder / "baselines" / preset)

    def ask(self) -> tuple[optuna.Trial, GANConfig]:
        """Return the next trial with its configuration, already stored in its folder.

        It is stored in Optuna with all its parameters or, if the process dies, not at all.
        """
        with self.storage_faults(), self.storage.journal.transaction():
            trials = self.optuna.get_trials(deepcopy=False)
            # Queued trials already have their numbers, and are handed out first.
            queued = (each.number for each in trials if each.state is TrialState.WAITING)
            with self._proposing(next(queued, len(trials)), trials):
                trial = self.optuna.ask()
                config = self._suggest(trial)
        return trial, self._keep(trial, config)

    def reopen(self, number: int) -> tuple[optuna.Trial, GANConfig]:
        """Return an interrupted trial with its configuration.

        Args:
            number: The trial's number.
        """
        trials = self.optuna.get_trials(deepcopy=False)
        with (
            self.storage_faults(),
            self.storage.journal.transaction(),
            self._proposing(number, trials),
        ):
            trial = self.storage.open_trial(self.optuna, number)
            config = self._suggest(trial)
        return trial, self._keep(trial, config)

    def interrupted(self) -> list[int]:
        """Return the numbers of the trials that were started and have no end in Optuna."""
        trials = self.optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [each.number for each in trials]

    def count_ended(self) -> int:
        """Return how many trials have ended; one that another supersedes does not count."""
        trials = self.optuna.get_trials(deepcopy=False)
        return sum(t.state.is_finished() and SUPERSEDED_BY not in t.user_attrs for t in trials)

    @contextlib.contextmanager
    def storage_faults(self) -> Iterator[None]:
        """Turn what the journal reports into one clear message."""
        with storage_faults(self.folder):
            yield

    @contextlib.contextmanager
    def _proposing(self, number: int, trials: list[FrozenTrial]) -> Iterator[None]:
        """Give the sampler its own random stream for each trial, and what it is to learn from."""
        self.optuna.sampler = sampler_for(
            self.space,
            study_seed=self.record.seed,
            trial_seed=derive_seed(self.record.seed, number, "sampler"),
            trials=trials,
        )
        with self.storage.showing(teaching_trials(self.space, trials)):
            yield

    def _suggest(self, trial: optuna.Trial) -> GANConfig:
        seed = derive_seed(self.record.seed, trial.number, "training")
        config = self.space.suggest(trial, seed=seed)
        return config.model_copy(update=trial.user_attrs.get(OVERRIDES, {}))

    def _keep(self, trial: optuna.Trial, config: GANConfig) -> GANConfig:
        folder = self.trial_folder(trial.number)
        if folder.read_config() not in (None, config):
            raise StudyError(
                f"{folder.path}: holds another configuration than the journal gives trial "
                f"{trial.number}, so one of the two was lost or replaced. Restore "
                f"{journal_file(self.folder)} from a copy, or choose a new --study."
            )
        folder.write_config(config)
        return config

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
        )
        if not path.exists():
            # study.json is written last: a study exists when it does.
            write_copies(self.folder, self.space.files)
            write_text(self.folder / "search_space.yaml", self.space.to_yaml())
            asked = dataclasses.replace(asked, commit=code_commit(), lock_sha256=lock_sha256())
            write_json(path, dataclasses.asdict(asked))
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
        if lines:
            raise StudyError(
                f"{self.folder}: the study was made with other settings, so its trials would not "
                f"compare with new ones:\n  "
                + "\n  ".join(dict.fromkeys(lines))
                + "\nGo on with the settings it has, or choose a new --study."
            )


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
