import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.tracking.wandb_mode import wandb_mode
from tests.tracking.trainings import identify, record_whole_trial

ASK = """
import sys
from pathlib import Path
from harness.tracking.wandb_mode import wandb_mode
found = wandb_mode(Path("study"))
print(found.mode, found.hint, sep="|")
"""


def ask(home: Path, **environment: str) -> tuple[str, str, float]:
    """Return mode, hint and seconds in a process without terminal, credentials or input."""
    kept = {
        key: value for key, value in os.environ.items() if "WANDB" not in key and key != "NETRC"
    }
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", ASK],
        env=kept | {"HOME": str(home), "PYTHONPATH": str(Path.cwd())} | environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    # W&B names the settings file it reads; nothing else may be said.
    said = [line for line in result.stderr.splitlines() if "Loading settings" not in line]
    assert said == []
    mode, hint = result.stdout.strip().split("|")
    return mode, hint, time.monotonic() - began


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("offline", "offline"),
        ("dryrun", "offline"),
        ("disabled", "disabled"),
        (" OFFLINE", "offline"),
    ],
)
def test_follows_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, mode: str):
    monkeypatch.setenv("WANDB_MODE", name)
    assert wandb_mode(Path("study")).mode == mode


def test_what_is_asked_for_precedes_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode(Path("study"), "offline").mode == "offline"


def test_refuses_an_unknown_mode(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "onlin")
    with pytest.raises(ConfigError, match=r"WANDB_MODE must be one of .*Did you mean 'online'\?"):
        wandb_mode(Path("study"))


def test_without_credentials_it_is_offline_at_once(tmp_path: Path):
    mode, hint, seconds = ask(tmp_path)
    assert mode == "offline"
    assert hint.startswith("W&B is offline (no credentials). See the runs: wandb leet study/wandb")
    assert "wandb sync study/wandb/offline-run-*" in hint
    assert seconds < 30


def test_even_asking_for_online_does_not_prompt(tmp_path: Path):
    mode, hint, _ = ask(tmp_path, WANDB_MODE="online")
    assert (mode, "no credentials" in hint) == ("offline", True)


def test_follows_the_settings_file_of_wandb_offline(tmp_path: Path):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nmode = offline\n")
    mode, hint, _ = ask(tmp_path, WANDB_API_KEY="0" * 40)
    assert (mode, "as W&B's settings ask" in hint) == ("offline", True)


def test_a_malformed_key_is_named_and_stays_offline(tmp_path: Path):
    mode, hint, _ = ask(tmp_path, WANDB_API_KEY="short")
    assert mode == "offline"
    assert "WANDB_API_KEY invalid" in hint


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path: Path):
    # Port 9 of this machine: nothing listens there.
    key = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9", "no_proxy": "*"}
    mode, hint, seconds = ask(tmp_path, **key)
    assert (mode, "http://127.0.0.1:9 does not answer" in hint) == ("offline", True)
    assert seconds < 30


def test_the_hint_names_a_folder_that_leet_reads(tmp_path: Path):
    study = tmp_path / "a study"
    record_whole_trial("wandb", identify(study))
    words = shlex.split(wandb_mode(study, "offline").hint)
    folder = words[words.index("leet") + 1]
    wandb = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", folder]
    result = subprocess.run(wandb, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert "finished" in result.stdout
    assert "fid_fashion_cnn@10000" in result.stdout
