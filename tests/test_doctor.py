"""Ask the doctor the way a user does."""

import json
import re
import shutil
from pathlib import Path

import pytest

from harness.backends.devices import available_cores
from tests.conftest import SweptStudy
from tests.support.commands import Commands, the_one_message


def test_a_sound_machine_gets_a_line_for_everything(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WANDB_SERVICE", raising=False)  # that of these tests' own process
    result = commands.run("doctor", "--no-calibration", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert {line[0] for line in lines} <= {"ok", "warn"}
    names = " ".join(line[1] for line in lines)
    assert names == (
        "python tensorflow keras optuna wandb cpu gpu memory disk data extractor wandb"
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
    measured = re.findall(r"(\w+) (\d+) s and ([\d.]+) s a kimg", found["calibration"])
    assert sorted(family for family, _, _ in measured) == ["dcgan", "mlp", "upsample"]
    # 50 trials to the rung at 5 kimg; 12.4 go on to that at 25, and 4.88 to that at 125.
    kimg = 50 * 5 + 12.4 * 20 + 4.88 * 100
    cores = available_cores()
    expected = [(50 * int(start) + kimg * float(speed)) / cores for _, start, speed in measured]
    pattern = (
        rf"about (.+) for 50 trials of the default space with {cores} workers \((.+) to (.+),"
    )
    about, fewest, most = map(seconds_of, re.match(pattern, found["sweep time"]).groups())
    # Starts are printed in whole seconds, speeds in hundredths.
    assert fewest == pytest.approx(min(expected), rel=0.1)
    assert about == pytest.approx(sum(expected) / 3, rel=0.1)
    assert most == pytest.approx(max(expected), rel=0.1)


def seconds_of(text: str) -> int:
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+) (\w+)", text))


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
