from pathlib import Path

import optuna
import optuna_dashboard
import pytest
from optuna.artifacts.exceptions import ArtifactNotFound

from harness.core.errors import StorageError
from harness.optuna_dashboard.dashboard_view import GridStore, make_view
from harness.study.record import read_study
from tests.reporting.studies import make_small_study

RATE = optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)


def stored_trials() -> list[optuna.trial.FrozenTrial]:
    """Return what Optuna holds of the five trials of the small study, of which one runs."""
    states = [*[optuna.trial.TrialState.COMPLETE] * 2, *[optuna.trial.TrialState.PRUNED] * 2]
    rungs = [{8: 5.0, 32: 2.0}, {8: 4.0, 32: 1.0}, {8: 9.0}, {}]
    ended = [
        optuna.trial.create_trial(
            state=state,
            value=min(values.values()) if state.name == "COMPLETE" else None,
            params={"rate": 1e-3},
            distributions={"rate": RATE},
            intermediate_values=values,
        )
        for state, values in zip(states, rungs, strict=True)
    ]
    running = optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING, intermediate_values={8: 6.0}
    )
    found = [*ended, running]
    for number, trial in enumerate(found):
        trial.number = number
    return found


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> tuple[optuna.Study, GridStore, Path]:
    folder = make_small_study(tmp_path_factory.mktemp("view") / "small")
    storage, grids = make_view(folder, read_study(folder), stored_trials())
    return optuna.load_study(study_name="small", storage=storage), grids, folder


def test_values_have_the_name_of_the_metric_and_trials_their_numbers(view):
    study, _, _ = view
    assert (study.study_name, study.metric_names) == ("small", ["fid_fashion_cnn@1000"])
    assert study.best_value == 1.0
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3, 4]
    assert study.trials[0].params == {"rate": 1e-3}
    assert study.trials[4].state is optuna.trial.TrialState.RUNNING


def test_attributes_are_single_values_that_say_the_outcome(view):
    study, _, _ = view
    assert [trial.user_attrs["outcome"] for trial in study.trials] == [
        "complete (finished)",
        "complete (finished)",
        "pruned (outranked)",
        "failed (diverged)",
        "not ended",
    ]
    assert study.trials[1].user_attrs["final score"] == 1.1
    assert study.trials[2].user_attrs | {"outcome": ""} == {
        "outcome": "", "kimg": 8.0, "seconds": 24.0,
    }  # fmt: skip


def test_notes_tell_the_end_the_winner_and_where_wandb_is(view):
    study, _, _ = view
    study.sampler = optuna.samplers.RandomSampler()
    note = optuna_dashboard.get_note(optuna.Trial(study, 1))
    assert "Trial 0001: complete (finished)" in note
    assert "W&B has no run of it here." in note
    assert "Best: **trial 0001**" in optuna_dashboard.get_note(study)


def test_the_confirmed_winner_is_the_best(view):
    folder = view[2]
    storage, _ = make_view(folder, read_study(folder), stored_trials(), confirmed="0000")
    study = optuna.load_study(study_name="small", storage=storage)
    assert "Best: **trial 0000**, confirmed" in optuna_dashboard.get_note(study)


def test_grids_are_artifacts_in_the_order_of_their_rungs(view):
    study, grids, folder = view
    study.sampler = optuna.samplers.RandomSampler()
    # Read as Optuna itself reads artifacts.
    artifacts = optuna.artifacts.get_all_artifact_meta(optuna.Trial(study, 0))
    assert [each.filename for each in artifacts] == ["08 kimg.png", "32 kimg.png"]
    assert [each.artifact_id for each in artifacts] == ["0000-000008", "0000-000032"]
    file = folder / "trials" / "0000" / "grids" / "kimg_000032.png"
    with grids.open_reader("0000-000032") as opened:
        assert opened.read() == file.read_bytes()


def test_grids_are_only_looked_at(view):
    _, grids, folder = view
    with pytest.raises(ArtifactNotFound, match=r"no grid \.\./study\.json"):
        grids.open_reader("../study.json")
    with pytest.raises(StorageError, match="removes none"):
        grids.remove("0000-000008")
    with (
        (folder / "study.json").open("rb") as any_file,
        pytest.raises(StorageError, match="keeps nothing"),
    ):
        grids.write("0000-000008", any_file)
