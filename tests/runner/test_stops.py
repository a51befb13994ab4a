"""Run real studies into limits: time, target, failures, memory and workers that hang."""

import multiprocessing
import os
import re
import signal
from pathlib import Path

import pytest
import yaml

from harness import StudyResult, SweepOptions, run_study
from harness.core.events import Event, Progressed, Started
from harness.core.outcome import Reason, State
from harness.gan.config.config import GANConfig
from harness.runner.job_source import Listener, NullListener
from harness.runner.stop_rules import Stop
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from tests.support.commands import Commands
from tests.support.endings import ENDINGS, GOOD, SPACE


def space(name: str, rungs: list[int], **fixed: object) -> SearchSpace:
    parameters = SPACE["parameters"] | {
        key: {"value": value} for key, value in (GOOD | fixed).items()
    }
    record = SPACE | {
        "name": name,
        "parameters": parameters,
        "budget": {"rungs_kimg": rungs},
        "pruner": {"name": "none"},
    }
    return SearchSpace.from_dict(record, source="here")


def options(folder: Path, **changes: object) -> SweepOptions:
    return SweepOptions("s", studies_dir=folder, tracker="jsonl", threads=1, **changes)


def run(
    searched: SearchSpace, chosen: SweepOptions, listener: Listener | None = None
) -> Stop | None:
    return StudyRunner(StudyJobs(searched, chosen)).run(listener or NullListener())


def states(result: StudyResult | Path) -> list[tuple[str, str]]:
    folder = result if isinstance(result, Path) else result.folder
    return [(each.name, each.outcome.reason.value) for each in read_entries(folder)]


@pytest.mark.slow
def test_a_target_and_a_time_budget_stop_a_study_that_goes_on_later(tmp_path: Path):
    searched = space("s", [1])
    stop = run(searched, options(tmp_path, trials=3, target_fid=1e4))
    assert stop.exit_code == 0
    assert "trial 0000 has reached" in stop.message
    assert states(tmp_path / "s") == [("0000", "finished")]

    stop = run(searched, options(tmp_path, trials=3, time_budget_seconds=1e-3))
    assert stop.exit_code == 0
    assert "time budget" in stop.message
    assert states(tmp_path / "s") == [("0000", "finished")]

    assert run(searched, options(tmp_path, trials=3, keep="best")) is None
    assert states(tmp_path / "s") == [(f"{i:04d}", "finished") for i in range(3)]
    entries = read_entries(tmp_path / "s")
    best = min(entries, key=lambda entry: entry.outcome.final.value)
    kept = list((tmp_path / "s").rglob("*.keras")) + list((tmp_path / "s").rglob("*.npz"))
    assert {path.parent.name for path in kept} == {best.name}


class Hands(NullListener):
    """Note which worker process trains each trial."""

    def __init__(self) -> None:
        self.workers: dict[str, int | None] = {}

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        if isinstance(event, Started):
            (self.workers[name],) = [
                each.pid for each in multiprocessing.active_children() if each.is_alive()
            ]


@pytest.mark.slow
@pytest.mark.parametrize(("most", "processes"), [(1.0, 2), (1e6, 1)])
def test_a_worker_that_grew_beyond_its_share_of_memory_is_replaced(
    tmp_path: Path, most: float, processes: int
):
    hands = Hands()
    asked = options(tmp_path, trials=2, max_worker_megabytes=most)
    assert run(space("s", [1]), asked, hands) is None
    assert states(tmp_path / "s") == [("0000", "finished"), ("0001", "finished")]
    assert len(set(hands.workers.values())) == processes


def test_a_study_whose_trials_fail_stops_and_says_what_they_share(
    commands: Commands, tmp_path: Path
):
    parameters = SPACE["parameters"] | {
        key: {"value": value} for key, value in ENDINGS["crashed"].items()
    }
    (tmp_path / "failing.yaml").write_text(
        yaml.safe_dump(SPACE | {"name": "failing", "parameters": parameters}, sort_keys=False)
    )
    result = commands.run(
        "sweep", "--search-space", "./failing.yaml", "--trials", 12, "--workers", 1,
        "--tracker", "jsonl", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 3, result.stdout + result.stderr
    assert "more than 50% of the trials failed. 8 of 8 trials failed (crashed 8)." in result.stdout
    assert "MiB in studies/failing" in result.stdout
    assert len(read_entries(tmp_path / "studies" / "failing")) == 8


class Stunner(NullListener):
    """Freeze the worker of the first trial as it begins."""

    def __init__(self) -> None:
        self.stunned: list[int | None] = []

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        if isinstance(event, Started) and not self.stunned:
            (worker,) = multiprocessing.active_children()
            self.stunned.append(worker.pid)
            os.kill(worker.pid, signal.SIGSTOP)


@pytest.mark.slow
def test_a_hung_worker_is_killed_after_a_grace_and_replaced(tmp_path: Path):
    limits = {"trial_timeout_seconds": 2.0, "grace_seconds": 5.0}
    result = run_study(
        space("s", [1_000_000]),
        trials=2,
        options=options(tmp_path, max_failed_share=1.0, **limits),
        listener=Stunner(),
    )
    hung, slow = read_entries(result.folder)
    assert hung.outcome.reason is slow.outcome.reason is Reason.TIMED_OUT
    assert re.fullmatch(
        r"its worker was killed after [789] seconds of silence", hung.outcome.detail
    )
    assert not list(result.folder.rglob("checkpoint*"))


class Assassin(NullListener):
    """Kill a worker at each of the first few reports."""

    def __init__(self, kills: int) -> None:
        self.left = kills

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        if isinstance(event, Progressed) and self.left:
            self.left -= 1
            os.kill(multiprocessing.active_children()[self.left].pid, signal.SIGKILL)


@pytest.mark.slow
def test_eight_workers_some_of_them_killed_end_exactly_the_trials_asked_for(tmp_path: Path):
    result = run_study(
        space("s", [1, 4]),
        trials=12,
        options=options(tmp_path, workers=8),
        listener=Assassin(4),
    )
    assert [entry.name for entry in read_entries(result.folder)] == [f"{i:04d}" for i in range(12)]
    assert {entry.outcome.state for entry in result.ranked} == {State.COMPLETE}
