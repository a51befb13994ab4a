"""Keep a report current while the study is locked, as a sweep locks it."""

import shutil
from pathlib import Path

import pytest

from harness.core.locks import lock_folder
from harness.core.outcome import Reason
from harness.reporting.page import keep_current
from tests.reporting.studies import add_training


@pytest.fixture
def study(small_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_study, tmp_path / "small"))


def test_without_a_sweep_it_writes_once(study: Path):
    written: list[bool] = []
    keep_current(study, written.append, every_seconds=60)
    assert written == [False]


def test_it_writes_when_something_changes_until_the_sweep_ends(study: Path):
    written: list[bool] = []
    sweep = lock_folder(study, "taken")

    def write(running: bool) -> None:
        written.append(running)
        if len(written) == 1:
            add_training(study / "trials" / "0005", [3.0], Reason.OUTRANKED)
        else:
            sweep.close()

    keep_current(study, write, every_seconds=0.01)
    assert written == [True, True, False]


def test_it_leaves_alone_what_does_not_change(study: Path, monkeypatch: pytest.MonkeyPatch):
    written: list[bool] = []
    sweep = lock_folder(study, "taken")
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            sweep.close()

    monkeypatch.setattr("harness.reporting.watch.time.sleep", sleep)
    keep_current(study, written.append, every_seconds=5)
    assert written == [True, False]
    assert looks == [5, 5, 5]
