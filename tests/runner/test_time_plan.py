"""Plan a sweep for a time, and keep to it."""

import time
from pathlib import Path

import pytest

from harness.core.events import RungScored, Started
from harness.gan.config.config import GANConfig
from harness.runner import time_plan
from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import MOST_TRIALS, SweepOptions
from harness.runner.time_plan import TimePlan
from harness.space.settings import PromotionSettings, RandomSettings
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries, winner
from tests.support.doubles import StandInEngine, StandInWorker

SPACE = SearchSpace.load("default").model_copy(
    update={"sampler": RandomSettings(), "pruner": PromotionSettings()}
)


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time_plan, "elapsed_seconds", clock.monotonic)
    return clock


def test_half_of_the_time_is_for_new_trials_and_the_end_for_the_best(clock: Clock):
    plan = TimePlan(1000.0)
    assert plan.describe(2) == (
        "Plan for 17 min: new trials begin for 8 min, trials go on until 10 min, then the best 2 "
        "are trained on until the end."
    )
    # 3 % of 1,000 s are left for the last scores.
    assert (plan.explores, plan.tries, plan.finish_seconds) == (True, True, 970.0)
    assert plan.remains() == "exploring, 17 min left"
    clock.now += 500.0
    assert (plan.explores, plan.tries, plan.finish_seconds) == (False, True, 470.0)
    assert plan.remains() == "promoting, 8 min left"
    clock.now += 100.0
    assert (plan.tries, plan.trials_end) == (False, clock.now)
    assert plan.remains() == "finishing, 7 min left"
    clock.now += 366.0
    assert plan.finish_seconds is None, "of 34 s less than 5 would be for training"
    assert not plan.is_over
    clock.now += 34.0
    assert plan.is_over


class SlowEngine(StandInEngine):
    """A backend in which everything takes a moment."""

    def wait(self, workers: list[StandInWorker], timeout_seconds: float) -> list[StandInWorker]:
        time.sleep(0.02)
        return super().wait(workers, timeout_seconds)


class Watch(NullListener):
    """Note when which training begins, and which is scored."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.started: list[tuple[str, float]] = []
        self.rungs: list[str] = []

    def hear(self, name: str, config: GANConfig, event: object) -> None:
        if isinstance(event, Started):
            self.started.append((name, time.monotonic() - self.began))
        if isinstance(event, RungScored):
            self.rungs.append(name)


@pytest.mark.slow
def test_a_sweep_explores_then_trains_its_leaders_on_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(time_plan, "_LEAST_FINISH_SECONDS", 0.1)
    monkeypatch.setattr(time_plan, "_LEAST_RESERVE_SECONDS", 0.1)
    options = SweepOptions(
        "s",
        studies_dir=tmp_path,
        tracker="jsonl",
        trials=MOST_TRIALS,
        workers=2,
        time_budget_seconds=15.0,
    )
    watch = Watch()
    stop = StudyRunner(StudyJobs(SPACE, options), backend=SlowEngine()).run(watch)
    finishes = {name for name, _ in watch.started if name.endswith("-finish")}
    assert len(finishes) == 2, "one leader a worker"
    fresh = {}
    for name, seconds in watch.started:
        fresh.setdefault(name, seconds)
    assert max(seconds for name, seconds in fresh.items() if name not in finishes) < 15.0 * 0.6
    assert min(fresh[name] for name in finishes) > max(
        seconds for name, seconds in watch.started if name not in finishes
    )
    entries = read_entries(tmp_path / "s")
    best = winner(entries)
    assert best is not None
    assert best.folder.generator_file.exists()
    assert stop is None or stop.exit_code == 0
    ended = sum(each.is_trial and each.outcome.is_ended for each in entries)

    later = SweepOptions("s", studies_dir=tmp_path, tracker="jsonl", trials=len(fresh))
    StudyRunner(StudyJobs(SPACE, later), backend=StandInEngine()).run(NullListener())
    after = [each for each in read_entries(tmp_path / "s") if each.is_trial]
    assert all(each.outcome.is_ended for each in after)
    assert len(after) >= ended
