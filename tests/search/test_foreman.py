"""Keep workers busy; what happens with real trainings is tested with sweeps and confirmations."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.search.engines.local_engine import LocalEngine
from harness.search.engines.messages import WorkerSetup
from harness.search.foreman import Foreman


def foreman(data_dir: Path) -> Foreman:
    setup = WorkerSetup("fashion_mnist", data_dir, "fashion_cnn", "fid", 1000, threads=1)
    return Foreman(LocalEngine(setup, workers=1), workers=1, max_worker_megabytes=2500.0)


def test_what_no_worker_can_load_is_told_and_leaves_no_worker(tmp_path: Path):
    found = foreman(tmp_path)
    with found.on_duty(), pytest.raises(DataError, match=str(tmp_path)):
        found.start()
    assert list(found.posts) == []


def test_a_signal_before_the_workers_are_ready_ends_the_wait(tmp_path: Path):
    found = foreman(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    with found.on_duty():
        os.kill(os.getpid(), signal.SIGINT)
        assert found.start() is None
        assert found.signalled.exit_code == 128 + signal.SIGINT
        assert found.unfinished
        assert not found.is_busy
        assert not found.is_out_of_patience
        with contextlib.suppress(IndexError):
            assert not found.posts[0].ready
    assert signal.getsignal(signal.SIGINT) == before
