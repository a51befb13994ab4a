"""Run commands under what users set for other programs: nothing ends in a traceback.

What is not followed is named in one line without its value, and results stay what they are.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands

FOREIGN = {
    "COLUMNS": "0",
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "many",
    "KERAS_NNX_ENABLED": "true",
    "PYTHONIOENCODING": "ascii:strict",
    "PYTHONWARNINGS": "error",
    "TF_USE_LEGACY_KERAS": "1",
    "WANDB_BASE_URL": "api.example.org",
    "WANDB_CONSOLE": "yes",
    "WANDB_IDENTITY_TOKEN_FILE": "/no/such/file",
    "WANDB_MODE": "",
    "WANDB_PROJECT": "a/b c",
    "WANDB_RESUME": "always",
    "WANDB_RUN_ID": "fixed777",
    "WANDB_SERVICE": "x",
    "WANDB_SWEEP_ID": "abcd1234",
}
SAID_AT_ONCE = (
    "KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED",
    "PYTHONWARNINGS", "TF_USE_LEGACY_KERAS",
)  # fmt: skip
SAID_OF_WANDB = (
    "WANDB_BASE_URL", "WANDB_CONSOLE", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_PROJECT",
    "WANDB_RESUME", "WANDB_RUN_ID", "WANDB_SWEEP_ID",
)  # fmt: skip
KERAS_FILE = {
    "backend": "torch",
    "floatx": "float16",
    "image_data_format": "channels_first",
    "epsilon": 0.1,
}
QUICK = {
    "studies": ("list",),
    "report": ("--study", "absent"),
    "export": ("--study", "absent"),
    "confirm": ("--study", "absent"),
    "dashboard": ("--study", "absent"),
    "explore": ("absent",),
    "evaluate": ("absent.npz",),
    "sweep": ("--search-space", "absent"),
    "train": ("--preset", "absent"),
    "extractor": ("--dataset", "npz:absent.npz"),
}


def run(commands: Commands, cwd: Path, *command: str, **variables: str) -> tuple[int, str, str]:
    home = cwd / "home"
    home.mkdir(exist_ok=True)
    kept = {key: value for key, value in commands.environment.items() if "WANDB" not in key}
    done = subprocess.run(
        [sys.executable, "-m", f"harness.{command[0]}", *command[1:]],
        cwd=cwd,
        env=kept | {"HOME": str(home)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


TABLE_ROW = """
import json, os, runpy, sys, tempfile
import harness, harness.cli.options, harness.space.space, pydantic, rich.table

said = {}
for name, *arguments in json.loads(sys.argv[1]):
    streams = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    if not (child := os.fork()):
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream.fileno(), number)
        sys.argv = [name, *arguments]
        runpy.run_module(f"harness.{name}", run_name="__main__")
        raise SystemExit
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for stream in streams:
        stream.seek(0)
    said[name] = code, *(stream.read().decode(errors="replace") for stream in streams)
print(json.dumps(said))
"""
"""Under one row's variables, read as Python begins: every command in a process forked from there,
so that what all of them import is imported once."""


@pytest.mark.parametrize(
    "variables",
    [FOREIGN, *(pytest.param({name: FOREIGN[name]}, marks=pytest.mark.slow) for name in FOREIGN)],
    ids=" ".join,
)
def test_every_command_survives_every_variable(
    commands: Commands, tmp_path: Path, variables: dict[str, str]
):
    kept = {key: value for key, value in commands.environment.items() if "WANDB" not in key}
    rows = [[name, *arguments] for name, arguments in QUICK.items()]
    done = subprocess.run(
        [sys.executable, "-c", TABLE_ROW, json.dumps(rows)],
        cwd=tmp_path,
        env=kept | {"PYTHONPATH": str(Path(__file__).parents[1])} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for command, (code, shown, said) in json.loads(done.stdout).items():
        refused = command != "studies"
        assert code == 2 * refused, (command, said)
        assert refused or shown == "There is no study in studies.\n"
        lines = said.splitlines()
        for name in SAID_AT_ONCE:
            named = [line for line in lines if name in line and FOREIGN[name] in line]
            assert len(named) == (name in variables), (command, said)
        errors = [line for line in lines if not line.startswith("note: ")]
        assert len(errors) == refused, (command, said)


@pytest.mark.parametrize(
    "content", ['{"floatx": "float8"}', '{"epsilon": 1}', "[]", '{"image_data_format": "x"}']
)
def test_a_file_with_which_keras_cannot_be_imported_is_named(
    commands: Commands, tmp_path: Path, content: str
):
    (tmp_path / "keras.json").write_text(content)
    home = {"KERAS_HOME": str(tmp_path)}
    code, shown, _ = run(commands, tmp_path, "doctor", "--no-calibration", **home)
    assert code == 1
    assert f"{tmp_path}/keras.json: Keras cannot be imported with this file" in shown
    assert json.dumps(json.loads(content)) in shown
    assert run(commands, tmp_path, "studies", "list", **home)[0] == 0


@pytest.mark.slow
def test_no_result_changes(commands: Commands, tmp_path: Path):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "keras.json").write_text(json.dumps(KERAS_FILE))
    training = (
        "train",
        "--preset",
        "mlp_cgan",
        "--kimg",
        "0.1",
        "--num-images",
        "200",
        "--extractor",
        "fashion_cnn",
    )
    code, _, said = run(commands, tmp_path, *training, "--out", "plain", "--tracker", "none")
    assert code == 0, said
    foreign = FOREIGN | {"KERAS_HOME": str(tmp_path / "keras")}
    code, _, said = run(commands, tmp_path, *training, "--out", "foreign", **foreign)
    assert code == 0, said
    for name in (*SAID_AT_ONCE, *SAID_OF_WANDB, "keras.json"):
        assert name in said
    outcomes = [
        json.loads((tmp_path / folder / "outcome.json").read_text())
        for folder in ("plain", "foreign")
    ]
    assert outcomes[0]["best"] == outcomes[1]["best"]
    assert len(list((tmp_path / "foreign").glob("wandb/offline-run-*"))) == 1


@pytest.mark.slow
def test_doctor_reports_each(commands: Commands, tmp_path: Path):
    (tmp_path / "keras.json").write_text(json.dumps(KERAS_FILE))
    foreign = FOREIGN | {"KERAS_HOME": str(tmp_path), "WANDB_ENTITY": "us"}
    _, shown, _ = run(commands, tmp_path, "doctor", "--no-calibration", **foreign)
    lines = shown.splitlines()
    for name in (*SAID_AT_ONCE, *SAID_OF_WANDB):
        assert any(line.startswith(f"warn  {name} ") for line in lines)
    assert not [value for value in ("fixed777", "abcd1234", "api.example.org") if value in shown]
    assert any(line.startswith("ok    WANDB_ENTITY ") for line in lines)
    assert "floatx 'float16', image_data_format 'channels_first', epsilon 0.1" in shown


def test_an_encoding_that_lacks_a_character_costs_the_character():
    code = (
        "from harness.core.process import settle_output\n"
        "settle_output()\n"
        "print('0.817 \\u00b10.021', '\\udce9')\n"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"0.817 ?0.021 ?\n"
