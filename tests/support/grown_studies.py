"""Make a study of thousands of ended trials in seconds, out of a few that were really run."""

import shutil
from pathlib import Path

import optuna
from optuna.trial import create_trial

from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.trial_storage import TrialStorage
from harness.tracking.wandb_log import latest_runs
from tests.support.doubles import StandInEngine

FILES = ("config.yaml", "outcome.json", "history.jsonl")


def run_study(space: SearchSpace, options: SweepOptions) -> None:
    """Run a study, or go on with it, with a worker that only pretends to train."""
    StudyRunner(StudyJobs(space, options), backend=StandInEngine()).run(NullListener())


def grow_study(folder: Path, trials: int) -> None:
    """Add copies of a study's ended trials, with their W&B logs, until it has so many."""
    storage = TrialStorage(folder, writes=True)
    study = optuna.load_study(study_name=folder.name, storage=storage)
    models = [trial for trial in study.get_trials() if trial.state.is_finished()]
    runs = latest_runs(folder / "wandb")
    copies = [(number, models[number % len(models)]) for number in range(len(models), trials)]
    with storage.transaction():
        study.add_trials([_copy(model) for _, model in copies])
    storage.close()
    for number, model in copies:
        copied = folder / "trials" / f"{number:04d}"
        copied.mkdir()
        for name in FILES:
            shutil.copyfile(folder / "trials" / f"{model.number:04d}" / name, copied / name)
        run = next((run for run in runs if run.endswith(f"-{model.number:04d}")), None)
        if run is not None:
            _copy_run(runs[run], run, f"{run[:-4]}{number:04d}")


def _copy(model: optuna.trial.FrozenTrial) -> optuna.trial.FrozenTrial:
    return create_trial(
        state=model.state,
        value=model.value,
        params=model.params,
        distributions=model.distributions,
        user_attrs=model.user_attrs,
        intermediate_values=model.intermediate_values,
        constraints=model.constraints or None,
    )


def _copy_run(folder: Path, old: str, new: str) -> None:
    copied = folder.with_name(folder.name.replace(old, new))
    copied.mkdir()
    shutil.copyfile(folder / f"run-{old}.wandb", copied / f"run-{new}.wandb")
    shutil.copyfile(folder / "given.jsonl", copied / "given.jsonl")
