"""Run studies whose trials pause and are promoted, with workers that only pretend."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from harness.core.events import Finished, Paused, RungScored, Started
from harness.core.outcome import Reason
from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.settings import PromotionSettings, RandomSettings
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry, read_entries
from harness.study.trial_storage import open_read_only
from harness.tracking.jsonl_tracker import read_history
from tests.support.doubles import StandInEngine

RUNGS = (5, 25, 125)


def space(share: int | None = 3) -> SearchSpace:
    pruner = PromotionSettings(reduction_factor=share)
    changes = {"pruner": pruner, "sampler": RandomSettings()}
    return SearchSpace.load("default").model_copy(update=changes)


def run(
    folder: Path, listener: NullListener | None = None, *, share: int | None = 3, **changes: object
):
    options = SweepOptions("s", studies_dir=folder, tracker="jsonl", **changes)
    runner = StudyRunner(StudyJobs(space(share), options), backend=StandInEngine())
    stop = runner.run(listener or NullListener())
    return stop, read_entries(folder / "s")


def reached(entries: list[Entry]) -> dict[int, list[tuple[float, str]]]:
    """Return at each rung the best score until then of each trial that reached it, best first."""
    found: dict[int, list[tuple[float, str]]] = {rung: [] for rung in RUNGS}
    for entry in entries:
        for event in read_history(entry.folder.path / "history.jsonl"):
            if isinstance(event, RungScored):
                found[round(event.kimg)].append((event.best.value, entry.name))
    return {rung: sorted(scores) for rung, scores in found.items()}


@pytest.mark.parametrize("workers", [1, 3])
def test_the_best_of_each_rung_go_on_and_each_trial_is_one_row(tmp_path: Path, workers: int):
    stop, entries = run(tmp_path, trials=18, workers=workers)
    assert stop is None
    assert [entry.name for entry in entries] == [f"{number:04d}" for number in range(18)]
    scores = reached(entries)
    for early, late in ((5, 25), (25, 125)):
        share = [name for _, name in scores[early][: len(scores[early]) // 3]]
        # All that are in the share in the end were in it when they came, so they were promoted.
        assert set(share) <= {name for _, name in scores[late]} | _faulty(entries)
    assert scores[125]
    reasons = Counter(entry.outcome.reason for entry in entries)
    assert reasons[Reason.FINISHED] == len(scores[125])
    assert set(reasons) <= {Reason.FINISHED, Reason.OUTRANKED, Reason.DIVERGED}
    states = Counter(trial.state.name for trial in open_read_only(tmp_path / "s").trials)
    assert states["RUNNING"] == 0
    assert not list((tmp_path / "s").rglob("standing.json"))


def _faulty(entries: list[Entry]) -> set[str]:
    return {entry.name for entry in entries if entry.outcome.reason is Reason.DIVERGED}


class Watch(NullListener):
    """Keep what is heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []

    def hear(self, name: str, config: object, event: object) -> None:
        self.heard.append((name, event))


def test_who_is_next_in_any_case_goes_on_without_a_pause(tmp_path: Path):
    watch = Watch()
    _, entries = run(tmp_path, watch, trials=18, share=2)
    paused = [name for name, event in watch.heard if isinstance(event, Paused)]
    begun = Counter(name for name, event in watch.heard if isinstance(event, Started))
    assert paused
    assert any(count > 1 for count in begun.values()), "some wait and go on"
    scores = reached(entries)
    went_on = [name for _, name in scores[25]]
    assert any(begun[name] == 1 for name in went_on), "others are the best when they come"
    for entry in entries:
        history = read_history(entry.folder.path / "history.jsonl")
        assert [event for event in history if isinstance(event, Finished)] == history[-1:]
        kimg = [event.kimg for event in history if isinstance(event, RungScored)]
        assert kimg == sorted(set(kimg)), "no rung is trained twice"


def test_too_few_trials_for_a_promotion_still_bring_one_to_the_end(tmp_path: Path):
    _, entries = run(tmp_path, trials=2, share=5)
    complete = [entry for entry in entries if entry.outcome.reason is Reason.FINISHED]
    assert len(complete) == 1
    scores = reached(entries)
    assert scores[5][0][1] == complete[0].name == scores[125][0][1]


class Interrupter(NullListener):
    """Press Ctrl-C at a number of events."""

    def __init__(self, after: int) -> None:
        self._left = after

    def hear(self, name: str, config: object, event: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_interruptions_change_neither_outcomes_nor_promotions(tmp_path: Path):
    _, whole = run(tmp_path / "whole", trials=12)
    stopped = 0
    for _ in range(30):
        stop, cut = run(tmp_path / "cut", Interrupter(17), trials=12)
        if stop is None:
            break
        stopped += 1
    assert stopped > 2
    assert [each.outcome.reason for each in cut] == [each.outcome.reason for each in whole]
    assert reached(cut) == reached(whole)


def test_a_larger_total_begins_more_and_promotes_among_all(tmp_path: Path):
    run(tmp_path, trials=6)
    _, entries = run(tmp_path, trials=12)
    assert len(entries) == 12
    assert len(reached(entries)[5]) + len(_faulty(entries)) >= 12
    _, again = run(tmp_path, trials=12)
    assert [each.outcome for each in again] == [each.outcome for each in entries]
