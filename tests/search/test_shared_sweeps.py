"""Run several real sweeps on one study in a real PostgreSQL; kill, stop and suspend them."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
import yaml

from harness.core.events import Finished, Progressed
from harness.core.outcome import Outcome, Reason
from harness.gan.presets import PRESETS
from harness.study.leaderboard import read_entries
from harness.study.record import read_study
from harness.study.storage_url import parse_storage
from harness.tracking.jsonl_tracker import read_history
from harness.training.training_folder import TrainingFolder
from tests.support.commands import TIMEOUT_SECONDS, Commands, interrupt, wait_until
from tests.support.endings import GOOD, SPACE
from tests.support.postgres import PASSWORD

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="finds open files through /proc"
)
RUNGS = [2, 24]
BASELINES = {"mlp_cgan", "keras_cgan"}


def write_space(folder: Path, rungs: list[int]) -> list[object]:
    """Write a space of small trials; return the options that sweep it in company."""
    fixed = {name: {"value": value} for name, value in GOOD.items()}
    slow = {"generator.width": {"value": 256}, "batch_size": {"choices": [16, 32]}}
    record = SPACE | {
        "name": "shared",
        "parameters": SPACE["parameters"] | fixed | slow,
        "budget": {"rungs_kimg": rungs},
        "pruner": {"name": "none"},
    }
    (folder / "shared.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(record))))
    return ["--search-space", "./shared.yaml", "--workers", 1, "--tracker", "jsonl"]


def trained(folder: Path) -> list[float]:
    """Return the kimg that a training has reported."""
    history = read_history(folder / "history.jsonl")
    return [event.kimg for event in history if isinstance(event, Progressed)]


def reached(study: Path, trial: str) -> float:
    return max(trained(study / "trials" / trial), default=0.0)


def states(study: Path, url: str) -> list[str]:
    """Return Optuna's states of a study's trials, by number."""
    engine = sqlalchemy.create_engine(parse_storage(url, "here").url)
    query = (
        "SELECT state FROM trials JOIN studies USING (study_id) "
        "WHERE study_name = :name ORDER BY number"
    )
    record = read_study(study)
    with engine.connect() as connection:
        rows = connection.execute(
            sqlalchemy.text(query), {"name": f"{record.name}-{record.id}"}
        ).scalars()
        found = [str(row) for row in rows]
    engine.dispose()
    return found


def check_whole(study: Path, url: str, trials: int) -> None:
    """Check that each trial was trained once, from its first image to its last, and ended."""
    entries = [entry for entry in read_entries(study) if not entry.is_baseline]
    assert [entry.name for entry in entries] == [f"{number:04d}" for number in range(trials)]
    assert states(study, url) == ["COMPLETE"] * trials
    for entry in entries:
        history = read_history(entry.folder.path / "history.jsonl")
        assert [event for event in history if isinstance(event, Finished)] == [
            Finished(entry.outcome)
        ]
        kimg = trained(entry.folder.path)
        assert kimg == sorted(set(kimg)), "each kimg is told once, in order"


def check_no_password(folder: Path, *texts: str) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert not [text for text in texts if PASSWORD in text]


@contextlib.contextmanager
def sweeps(
    commands: Commands, count: int, *options: object, cwd: Path
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the same sweep several times at once."""
    processes = [commands.start("sweep", *options, cwd=cwd) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def has_open(process: subprocess.Popen[str], history: Path) -> bool:
    """Return whether a sweep trains the trial of a history: it has the file open."""
    with contextlib.suppress(OSError):
        files = Path(f"/proc/{process.pid}/fd").iterdir()
        return str(history) in [str(file.readlink()) for file in files]
    return False


def test_a_killed_sweep_is_taken_over_from_its_checkpoint(
    commands: Commands, tmp_path: Path, server_url: str
):
    options = write_space(tmp_path, RUNGS)
    options += ["--trials", 2, "--storage", server_url, "--lease-seconds", 3]
    study = tmp_path / "studies" / "shared"
    history = study / "trials" / "0000" / "history.jsonl"
    with sweeps(commands, 2, *options, cwd=tmp_path) as (one, two):
        checkpoint = history.parent / "checkpoint.npz"
        wait_until(lambda: reached(study, "0000") >= RUNGS[0] and checkpoint.exists(), one)
        killed, left = (one, two) if has_open(one, history) else (two, one)
        assert has_open(killed, history)
        killed.kill()
        before = read_history(history)
        out, err = left.communicate(timeout=TIMEOUT_SECONDS)
    assert left.returncode == 0, out + err
    assert err == ""
    check_whole(study, server_url, trials=2)
    # What it had said before its checkpoint was not said again: no two say the same time.
    first = next(event for event in before if isinstance(event, Progressed))
    assert first in read_history(history)
    assert "2 complete" in out, "it shows the trials of both"
    check_no_password(tmp_path, out, err)
    assert json.loads((study / "study.json").read_text())["storage"].startswith(
        "postgresql+psycopg://harness@/postgres?host="
    )


@pytest.mark.slow
def test_three_sweeps_train_every_trial_and_every_baseline_once(
    commands: Commands, tmp_path: Path, server_url: str
):
    options = write_space(tmp_path, [1, 2])
    options += ["--trials", 8, "--baselines", "--baseline-seconds", 1, "--storage", server_url]
    study = tmp_path / "studies" / "shared"
    with sweeps(commands, 3, *options, cwd=tmp_path) as processes:
        wait_until((study / "study.json").exists, processes[0])
        for preset in set(PRESETS) - BASELINES:  # these would take minutes
            TrainingFolder(study / "baselines" / preset).write_outcome(Outcome(Reason.FINISHED))
        wait_until(lambda: len(read_entries(study)) > 1, processes[0])
        out, err = interrupt(processes[0])  # its leases are free at once
        assert processes[0].returncode == 130, out + err
        for process in processes[1:]:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
            assert (process.returncode, err) == (0, ""), out + err
    check_whole(study, server_url, trials=8)
    for preset in BASELINES:
        history = read_history(study / "baselines" / preset / "history.jsonl")
        assert len([event for event in history if isinstance(event, Finished)]) == 1
        kimg = trained(study / "baselines" / preset)
        assert kimg == sorted(set(kimg))


@pytest.mark.slow
def test_a_suspended_sweep_drops_what_others_took(
    commands: Commands, tmp_path: Path, server_url: str
):
    options = write_space(tmp_path, RUNGS)
    options += ["--trials", 4, "--storage", server_url, "--lease-seconds", 2]
    study = tmp_path / "studies" / "shared"
    history = study / "trials" / "0000" / "history.jsonl"
    with sweeps(commands, 2, *options, cwd=tmp_path) as (one, two):
        wait_until(lambda: reached(study, "0000") >= RUNGS[0], one)
        suspended, other = (one, two) if has_open(one, history) else (two, one)
        assert has_open(suspended, history)
        suspended.send_signal(signal.SIGSTOP)
        wait_until(lambda: has_open(other, history), other)
        suspended.send_signal(signal.SIGCONT)
        for process in (other, suspended):
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
            assert (process.returncode, err) == (0, ""), out + err
    check_whole(study, server_url, trials=4)


@pytest.mark.slow
def test_a_study_on_a_server_is_confirmed_reported_and_exported(
    commands: Commands, tmp_path: Path, server_url: str
):
    options = write_space(tmp_path, [1, 2])
    for command, *arguments in (
        ("sweep", *options, "--trials", 1, "--storage", server_url),
        ("confirm", "--study", "shared", "--top", 1, "--seeds", 1, "--storage", server_url),
        ("report", "--study", "shared", "--text"),
        ("export", "--study", "shared"),
    ):
        done = commands.run(command, *arguments, cwd=tmp_path)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert "0000-s0" in done.stdout, "the confirmed training is exported"
    check_no_password(tmp_path, done.stdout, done.stderr)
