"""Ask the doctor the way a user does."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import SweptStudy
from tests.support.commands import Commands, the_one_message


def test_a_sound_machine_gets_a_line_for_everything(commands: Commands, tmp_path: Path):
    result = commands.run("doctor", "--no-calibration", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert {line[0] for line in lines} <= {"ok", "warn"}
    names = " ".join(line[1] for line in lines)
    assert names == (
        "python tensorflow keras optuna wandb cpu gpu memory disk storage data extractor wandb"
    )
    assert list(tmp_path.iterdir()) == []  # looking leaves nothing


def test_what_fails_gives_exit_code_1(commands: Commands, tmp_path: Path):
    result = commands.run(
        "doctor", "--no-calibration", "--json", "--data-dir", tmp_path, cwd=tmp_path
    )
    assert result.returncode == 1
    failed = [each for each in json.loads(result.stdout) if each["level"] == "fail"]
    assert [each["name"] for each in failed] == ["data"]


@pytest.mark.slow
def test_a_calibration_predicts_the_default_sweep(commands: Commands, tmp_path: Path):
    result = commands.run("doctor", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    found = {each["name"]: each["message"] for each in json.loads(result.stdout)}
    for family in ("mlp", "upsample", "dcgan"):
        assert family in found["calibration"]
    assert "min for 50 trials" in found["sweep time"]


def test_a_study_is_examined_and_mended(commands: Commands, swept: SweptStudy, tmp_path: Path):
    folder = tmp_path / "studies" / "endings"
    shutil.copytree(swept.folder, folder)
    (folder / "trials/0000/outcome.json").unlink()
    arguments = ("doctor", "--study", "endings", "--tracker", "jsonl")
    found = commands.run(*arguments, cwd=tmp_path)
    assert found.returncode == 1
    assert found.stdout.startswith("fail  trial 0000")
    mended = commands.run(*arguments, "--repair", cwd=tmp_path)
    assert mended.returncode == 0
    assert "mended: Optuna has closed it (finished)" in mended.stdout
    sound = commands.run(*arguments, cwd=tmp_path)
    assert sound.returncode == 0
    assert "4 trainings ended; all records agree" in sound.stdout


def test_nothing_to_repair_or_to_examine_is_refused(commands: Commands, tmp_path: Path):
    refused = commands.run("doctor", "--repair", cwd=tmp_path)
    assert "expected --study NAME" in the_one_message(refused)
    refused = commands.run("doctor", "--study", "none", cwd=tmp_path)
    assert "no study named 'none'" in the_one_message(refused)
    refused = commands.run("doctor", "--study", "../x", cwd=tmp_path)
    assert "expected up to 100 letters" in the_one_message(refused)
