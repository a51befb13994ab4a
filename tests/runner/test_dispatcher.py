"""Keep workers busy; what happens with real trainings is tested with sweeps and confirmations."""

import contextlib
import dataclasses
import os
import signal
from pathlib import Path

import pytest

from harness.backends.backend import EventMessage, Message, WorkerDied, WorkerSetup
from harness.backends.local_backend import LocalBackend
from harness.core.errors import DataError
from harness.core.events import Progressed, Started
from harness.core.outcome import Outcome, Reason
from harness.runner.dispatcher import Dispatcher
from harness.runner.outcomes import NullListener
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from tests.support.doubles import StandInEngine, StandInWorker


def dispatcher(data_dir: Path) -> Dispatcher:
    setup = WorkerSetup("fashion_mnist", data_dir, "fashion_cnn", "fid", 1000, threads=1)
    return Dispatcher(LocalBackend(setup, workers=1), workers=1, max_worker_megabytes=2500.0)


def test_what_no_worker_can_load_is_told_and_leaves_no_worker(tmp_path: Path):
    found = dispatcher(tmp_path)
    with found.on_duty(), pytest.raises(DataError, match=str(tmp_path)):
        found.start()
    assert list(found.slots) == []


def test_a_signal_before_the_workers_are_ready_ends_the_wait(tmp_path: Path):
    found = dispatcher(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    with found.on_duty():
        os.kill(os.getpid(), signal.SIGINT)
        assert found.start() is None
        assert found.signalled.exit_code == 128 + signal.SIGINT
        assert found.unfinished
        assert not found.is_busy
        assert not found.is_out_of_patience
        with contextlib.suppress(IndexError):
            assert not found.slots[0].ready
    assert signal.getsignal(signal.SIGINT) == before


class LosingEngine(StandInEngine):
    """Lose workers, each after it has told so often how far it is.

    Args:
        told: How often the first tells, the second, and so on; those after them stay.
        lost: Whether they are taken away; otherwise they die by themselves.
        gets_on: Whether each begins where a later checkpoint is.
    """

    def __init__(self, told: list[int], *, lost: bool, gets_on: bool = False) -> None:
        super().__init__()
        self.told = told
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
        self._left = backend.told.pop(0) if backend.told else 1000
        self._losing = backend

    def receive(self) -> Message:
        if self._left == 0:
            return WorkerDied(None, lost=self._losing.lost)
        message = super().receive()
        if isinstance(message, EventMessage) and isinstance(message.event, Started):
            began = self._losing.step_kimg * self._losing.begun
            self._losing.begun += 1
            return EventMessage(dataclasses.replace(message.event, kimg=began))
        self._left -= isinstance(message, EventMessage) and isinstance(message.event, Progressed)
        return message


def train_one(folder: Path, backend: LosingEngine) -> Outcome:
    """Return what became of a trial whose workers were lost."""
    options = SweepOptions(name="s", studies_dir=folder, trials=1, workers=1, tracker="jsonl")
    StudyRunner(SearchSpace.load("default"), options, backend=backend).run(NullListener())
    (entry,) = read_entries(folder / "s")
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
