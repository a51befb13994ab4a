"""Run a study with many workers that only pretend; the runner, its files and Optuna are real."""

from pathlib import Path

from harness.core.events import Finished, RungScored
from harness.core.outcome import Reason
from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from harness.tracking.jsonl_tracker import read_history
from tests.support.doubles import StandInEngine

SPACE = {
    "name": "scale",
    "dataset": "fashion_mnist",
    "parameters": {
        "generator.name": {"choices": ["mlp", "dcgan"]},
        "generator.learning_rate": {"low": 1.0e-4, "high": 4.0e-3, "log": True},
        "discriminator.learning_rate": [
            {"when": {"generator.name": "mlp"}, "low": 1.0e-4, "high": 2.0e-3, "log": True},
            {"when": {"generator.name": "dcgan"}, "low": 8.0e-4, "high": 4.0e-3, "log": True},
        ],
    },
    "budget": {"rungs_kimg": [5, 25, 125]},
    "sampler": {"name": "tpe", "n_startup_trials": 8},
    "pruner": {"name": "successive_halving", "min_trials": 4},
}


def sweep(folder: Path, *, workers: int, trials: int) -> StandInEngine:
    backend = StandInEngine()
    options = SweepOptions(
        name="scale", studies_dir=folder, trials=trials, workers=workers, seed=0, tracker="jsonl"
    )
    space = SearchSpace.from_dict(SPACE, source="scale")
    assert StudyRunner(StudyJobs(space, options), backend=backend).run(NullListener()) is None
    return backend


def test_eight_workers_end_exactly_the_trials_asked_for_and_never_propose_one_twice(
    tmp_path: Path,
):
    backend = sweep(tmp_path, workers=8, trials=40)
    entries = read_entries(tmp_path / "scale")
    assert [entry.name for entry in entries] == [f"{number:04d}" for number in range(40)]
    assert backend.clock.begun == 40
    told = [kind for kind, _, _ in backend.clock.waits]
    assert told.count("tell") == 40

    proposed = {entry.config.model_copy(update={"seed": 0}).model_dump_json() for entry in entries}
    assert len(proposed) == 40

    reasons = {entry.outcome.reason for entry in entries}
    assert Reason.OUTRANKED in reasons
    assert Reason.FINISHED in reasons
    for entry in entries:
        history = read_history(entry.folder.path / "history.jsonl")
        assert history[-1] == Finished(entry.outcome)
        rungs = [event.rung for event in history if isinstance(event, RungScored)]
        assert rungs == list(range(len(rungs)))
        assert len(list((entry.folder.path / "grids").glob("*"))) == len(rungs)

    sweep(tmp_path, workers=8, trials=44)  # goes on from there
    assert len(read_entries(tmp_path / "scale")) == 44
