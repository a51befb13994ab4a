"""Run studies with workers that only pretend; the runner, its files and Optuna are real."""

import dataclasses
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.backends.backend import (
    EventMessage,
    JobEnded,
    JobFailed,
    Message,
    WorkerDied,
    WorkerRefused,
)
from harness.core.errors import DataError, StorageError
from harness.core.events import Event, Finished, Progressed, RungScored, Started
from harness.core.outcome import Outcome, Reason
from harness.gan.config.config import GANConfig
from harness.runner import study_runner
from harness.runner.job_source import NullListener
from harness.runner.stop_rules import Stop
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry, read_entries
from harness.tracking.jsonl_tracker import read_history
from tests.support.doubles import StandInEngine, StandInWorker


class Watch(NullListener):
    """A listener that keeps what it hears, and does something at each event.

    Args:
        act: What to do.
    """

    def __init__(self, act: Callable[[str, Event], None] = lambda name, event: None) -> None:
        self.heard: list[tuple[str, Event]] = []
        self.opened_with: list[int] = []
        self._act = act

    def opened(self, ended: int) -> None:
        self.opened_with.append(ended)

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        self.heard.append((name, event))
        self._act(name, event)


def press_ctrl_c(name: str, event: Event) -> None:
    """Press it at one event alone: a second time would stop everything at once."""
    if isinstance(event, RungScored) and (name, event.rung) == ("0000", 0):
        os.kill(os.getpid(), signal.SIGINT)


def runner_of(folder: Path, backend: StandInEngine | None, **changes: object) -> StudyRunner:
    options = SweepOptions("s", studies_dir=folder, tracker="jsonl", **changes)
    return StudyRunner(StudyJobs(SearchSpace.load("default"), options), backend=backend)


def run(
    folder: Path, backend: StandInEngine, listener: NullListener | None = None, **changes: object
) -> tuple[Stop | None, list[Entry]]:
    stop = runner_of(folder, backend, **changes).run(listener or NullListener())
    return stop, read_entries(folder / "s")


def test_events_come_in_order_and_outcomes_reach_folder_and_history(tmp_path: Path):
    watch = Watch()
    stop, entries = run(tmp_path, StandInEngine(), watch, trials=3, workers=2)
    assert stop is None
    assert watch.opened_with == [0]
    assert [entry.name for entry in entries] == ["0000", "0001", "0002"]
    for entry in entries:
        own = [event for name, event in watch.heard if name == entry.name]
        assert isinstance(own[0], Started)
        assert own[-1] == Finished(entry.outcome)
        assert read_history(entry.folder.path / "history.jsonl") == own


def test_ctrl_c_pauses_and_the_same_again_trains_nothing_twice(tmp_path: Path):
    before = signal.getsignal(signal.SIGINT)
    stop, entries = run(tmp_path, StandInEngine(), Watch(press_ctrl_c), trials=2, workers=2)
    assert stop.exit_code == 128 + signal.SIGINT
    assert stop.message == "Stopped; the same command goes on from here."
    assert not any(entry.outcome.is_ended for entry in entries)
    assert signal.getsignal(signal.SIGINT) == before

    stop, entries = run(tmp_path, StandInEngine(), trials=2, workers=2)
    assert stop is None
    assert [entry.name for entry in entries] == ["0000", "0001"], "no third trial was begun"
    watch = Watch()
    assert run(tmp_path, StandInEngine(), watch, trials=2) == (None, entries)
    assert (watch.opened_with, watch.heard) == ([2], [])


class SignallingEngine(StandInEngine):
    """A backend during whose first start Ctrl-C is pressed."""

    def start_worker(self, slot: int) -> StandInWorker:
        os.kill(os.getpid(), signal.SIGINT)
        return super().start_worker(slot)


def test_a_signal_before_the_workers_are_ready_leaves_no_study(tmp_path: Path):
    stop, entries = run(tmp_path, SignallingEngine(), trials=2)
    assert stop.exit_code == 128 + signal.SIGINT
    assert not any(entry.outcome.is_ended for entry in entries)
    assert not (tmp_path / "s").exists()


def test_what_no_worker_can_load_is_raised_and_leaves_no_worker(tmp_path: Path):
    runner = runner_of(tmp_path, None, data_dir=tmp_path, trials=1)
    with pytest.raises(DataError, match=str(tmp_path)):
        runner.run(NullListener())
    assert runner.pool.slots == []
    assert not (tmp_path / "s").exists()


class HangingEngine(StandInEngine):
    """A backend whose workers send nothing after a first event, and whose time passes."""

    def start_worker(self, slot: int) -> "HangingWorker":
        worker = HangingWorker(self, slot)
        self.speak_at(self.now, worker)
        return worker

    def wait(self, workers: list[StandInWorker], timeout_seconds: float) -> list[StandInWorker]:
        if self._queue:
            return super().wait(workers, timeout_seconds)
        time.sleep(0.01)
        return []


class HangingWorker(StandInWorker):
    def answer(self, answer: object) -> None:
        pass


def test_a_worker_that_is_silent_beyond_its_limit_is_killed(tmp_path: Path):
    limits = {"trial_timeout_seconds": 0.05, "grace_seconds": 0.05}
    stop, (entry,) = run(tmp_path, HangingEngine(), trials=1, **limits)
    assert stop is None
    assert entry.outcome.reason is Reason.TIMED_OUT
    assert entry.outcome.detail == "its worker was killed after 0 seconds of silence"


def test_a_signalled_runner_waits_for_a_hung_worker_no_longer_than_its_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study_runner, "_PATIENCE_SECONDS", 0.05)

    def press(name: str, event: Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    stop, entries = run(tmp_path, HangingEngine(), Watch(press), trials=1)
    assert stop.exit_code == 128 + signal.SIGTERM
    assert not any(entry.outcome.is_ended for entry in entries)


class FailingEngine(StandInEngine):
    """A backend whose first job fails in its worker.

    Args:
        failure: The message that says so.
    """

    def __init__(self, failure: Message) -> None:
        super().__init__()
        self.failures = [failure]
        self.started = 0

    def start_worker(self, slot: int) -> "FailingWorker":
        self.started += 1
        worker = FailingWorker(self, slot)
        self.speak_at(self.now, worker)
        return worker


class FailingWorker(StandInWorker):
    def receive(self) -> Message:
        message = super().receive()
        if isinstance(message, EventMessage) and self._backend.failures:
            self._next = JobEnded(500.0)
            self._backend.speak_at(self._backend.now, self)
            return self._backend.failures.pop()
        return message


def test_out_of_memory_is_tried_once_more_with_half_the_batch_in_a_new_worker(tmp_path: Path):
    backend = FailingEngine(JobFailed(Reason.OUT_OF_MEMORY, "OOM"))
    stop, (first, second) = run(tmp_path, backend, trials=1)
    assert stop is None
    assert first.outcome.reason is Reason.OUT_OF_MEMORY
    assert first.outcome.superseded_by == second.name == "0001"
    assert second.config.batch_size == first.config.batch_size // 2
    assert second.outcome.reason is not Reason.OUT_OF_MEMORY
    assert backend.started == 2


def test_a_training_that_raises_is_a_crash_and_the_worker_stays(tmp_path: Path):
    backend = FailingEngine(JobFailed(Reason.CRASHED, "ValueError at x.py:3: no"))
    stop, (first, second) = run(tmp_path, backend, trials=2, max_failed_share=1.0)
    assert stop is None
    assert (first.outcome.reason, first.outcome.detail) == (
        Reason.CRASHED,
        "ValueError at x.py:3: no",
    )
    assert second.outcome.reason is not Reason.CRASHED
    assert backend.started == 1


def test_what_no_other_training_would_escape_ends_the_run(tmp_path: Path):
    with pytest.raises(StorageError, match="the disk is full"):
        run(tmp_path, FailingEngine(WorkerRefused(StorageError("the disk is full"))), trials=1)


class LosingEngine(StandInEngine):
    """A backend that loses workers, each after it has sent its progress so often.

    Args:
        sent: How often the first sends it, the second, and so on; those after them stay.
        lost: Whether they are taken away; otherwise they die by themselves.
        gets_on: Whether each begins where a later checkpoint is.
    """

    def __init__(self, sent: list[int], *, lost: bool, gets_on: bool = False) -> None:
        super().__init__()
        self.sent = sent
        self.lost = lost
        self.step_kimg = 0.1 if gets_on else 0.0
        self.begun = 0

    def start_worker(self, slot: int) -> "LosingWorker":
        worker = LosingWorker(self, slot)
        self.speak_at(self.now, worker)
        return worker


class LosingWorker(StandInWorker):
    def __init__(self, backend: LosingEngine, slot: int) -> None:
        super().__init__(backend, slot)
        self._left = backend.sent.pop(0) if backend.sent else 1000
        self._losing = backend

    def receive(self) -> Message:
        if self._left == 0:
            return WorkerDied(None, lost=self._losing.lost)
        message = super().receive()
        if isinstance(message, EventMessage) and isinstance(message.event, Started):
            began = self._losing.step_kimg * self._losing.begun
            self._losing.begun += 1
            return EventMessage(dataclasses.replace(message.event, kimg=began))
        is_progress = isinstance(message, EventMessage) and isinstance(message.event, Progressed)
        self._left -= is_progress
        return message


def train_one(folder: Path, backend: LosingEngine) -> Outcome:
    """Return what became of a trial whose workers were lost."""
    _, (entry,) = run(folder, backend, trials=1)
    return entry.outcome


def test_nodes_may_be_taken_away_for_ever_while_the_training_gets_on(tmp_path: Path):
    outcome = train_one(tmp_path, LosingEngine([1] * 30, lost=True, gets_on=True))
    assert outcome.reason is Reason.FINISHED


def test_a_training_is_tried_ten_times_from_where_its_nodes_are_taken_away(tmp_path: Path):
    outcome = train_one(tmp_path / "nine", LosingEngine([1] * 9, lost=True))
    assert outcome.reason is Reason.FINISHED
    outcome = train_one(tmp_path / "ten", LosingEngine([1] * 10, lost=True))
    assert outcome.reason is Reason.CRASHED
    assert outcome.detail == "its worker died 10 times, last with its node"


def test_workers_that_die_by_themselves_count_however_far_they_come(tmp_path: Path):
    outcome = train_one(tmp_path, LosingEngine([1, 2, 3], lost=False, gets_on=True))
    assert outcome.reason is Reason.CRASHED
    assert outcome.detail == "its worker died 3 times, last by itself"
