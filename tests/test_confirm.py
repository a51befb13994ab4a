"""Run the confirm command as a user does, and export what it confirmed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.confirm import app
from harness.confirmation.result import read_result
from harness.core.events import Finished
from harness.core.score import Protocol
from harness.exporting.bundle import export_bundle
from harness.exporting.publish import prepare_wandb
from harness.study.leaderboard import read_entries
from harness.tracking.identity import TrackerOptions
from harness.tracking.jsonl_tracker import read_history
from harness.training.training_folder import TrainingFolder
from tests.confirmation.test_confirmation_jobs import add_trial
from tests.conftest import SweptStudy
from tests.support.commands import Commands
from tests.tracking.offline_log import read_offline_runs


@pytest.fixture(scope="module")
def confirmed(
    commands: Commands, swept: SweptStudy, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Return a study of which one leader was trained again once, and what the command printed."""
    cwd = tmp_path_factory.mktemp("confirmed")
    study = cwd / "studies" / "endings"
    shutil.copytree(swept.folder, study)
    add_trial(study)
    result = commands.run(
        "confirm", "--study", "endings", "--top", 1, "--seeds", 1, "--workers", 1, "--json",
        cwd=cwd,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return study, result


def test_the_result_is_on_standard_output_and_in_the_study(confirmed):
    study, printed = confirmed
    record = json.loads(printed.stdout)
    result = read_result(study)
    assert result.to_dict() == record
    assert record["complete"]
    assert record["winner"] == "0000"
    (candidate,) = result.candidates
    assert candidate.mean == candidate.seeds[0].test.value
    assert candidate.search == read_entries(study)[0].outcome.final
    assert "0 of at most 1 trainings have ended before." in printed.stderr
    assert "0000-s0 mlp      complete (finished)  test " in printed.stderr


def test_the_training_is_the_trials_with_a_new_seed_and_lies_in_a_folder_like_its(confirmed):
    study, _ = confirmed
    trial = read_entries(study)[0]
    folder = TrainingFolder(study / "confirmation" / "0000-s0")
    config = folder.read_config()
    assert config.seed != trial.config.seed
    assert config.model_copy(update={"seed": trial.config.seed}) == trial.config
    kept = {path.name for path in folder.path.iterdir()}
    # But for the film: a confirmation compares, and nobody watches it.
    assert kept == {path.name for path in trial.folder.path.iterdir()} - {"samples"}
    assert read_history(folder.path / "history.jsonl")[-1] == Finished(folder.read_outcome())


def test_rungs_are_scored_on_the_validation_split_and_the_end_on_both(confirmed):
    study, _ = confirmed
    outcome = TrainingFolder(study / "confirmation" / "0000-s0").read_outcome()
    record = json.loads((study / "study.json").read_text())
    assert outcome.final.protocol == outcome.best.protocol == Protocol(**record["protocol"])
    (test,) = outcome.tests
    assert test.protocol.reference == "fashion_mnist/test"
    assert len({test.noise_seed, outcome.final.noise_seed, outcome.best.noise_seed}) == 3
    # The same generator on two splits of one kind: a few per cent apart, not factors.
    assert test.value == pytest.approx(outcome.final.value, rel=0.25)


def test_wandb_has_a_group_of_its_own_with_the_test_score(confirmed):
    study, _ = confirmed
    runs = {run.name: run for run in read_offline_runs(study / "wandb")}
    run = runs["endings-confirm 0000-s0"]
    assert (run.group, run.job_type) == ("endings-confirm", "confirm")
    outcome = TrainingFolder(study / "confirmation" / "0000-s0").read_outcome()
    assert run.summary["test_fid_fashion_cnn@1000"] == pytest.approx(outcome.tests[0].value)
    assert runs["endings 0000"].group == "endings"


def test_export_takes_the_confirmed_winner_and_says_why(confirmed, tmp_path: Path):
    study, _ = confirmed
    bundle = export_bundle(study, out=tmp_path / "confirmed")
    assert bundle.entry.name == "0000-s0"
    assert "Trial 0000 alone was retrained" in bundle.why
    assert json.loads((tmp_path / "confirmed" / "metrics.json").read_text())["why"] == bundle.why
    kept = study / "confirmation" / "0000-s0" / "generator.keras"
    assert (tmp_path / "confirmed" / "generator.keras").read_bytes() == kept.read_bytes()
    prepare_wandb(study, TrackerOptions(wandb_mode="offline"))(bundle)
    runs = {run.name: run for run in read_offline_runs(study / "wandb")}
    for name in ("endings export", "endings study"):  # what was exported, and the study's winner
        (artifact,) = (each for each in runs[name].artifacts if each["type"] == "model")
        assert set(artifact["aliases"]) == {"0000", "0000-s0", "best", "latest"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--study", "endigns"), "Did you mean 'endings'?"),
        (("--study", "endings", "--top", "0"), "--top: expected at least 1; received 0"),
        (("--study", "endings", "--workers", "two"), "--workers: expected a number"),
    ],
)
def test_bad_input_is_one_message(
    swept: SweptStudy,
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
):
    with pytest.raises(SystemExit, match=r"^2$"):
        app([*arguments, "--studies-dir", str(swept.folder.parent)])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
