"""Draw a training's losses from its beginning, whatever its tracker keeps."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.core.events import Event, Progressed, Started
from harness.gan.config.config import GANConfig
from harness.gan.monitor import UNMONITORED
from harness.tracking.jsonl_tracker import JsonlTracker
from harness.training.reporter import Reporter
from harness.training.standalone import copy_history
from harness.training.training_folder import TrainingFolder

FIRST = [0.064, 0.128, 0.192]
LATER = [0.256, 0.320, 0.384]


def started(kimg: float) -> Started:
    return Started(kimg=kimg, generator_parameters=1, discriminator_parameters=1)


def progressed(kimg: float) -> Progressed:
    return Progressed(kimg, 10 * kimg, 1 - kimg, 0.6, 0.8, 100.0, 1.0)


def drawn(folder: Path, events: Iterable[Event], name: str = "one") -> bytes:
    """Return the picture after a process that hears these events in a folder."""
    training = TrainingFolder(folder / name)
    reporter = Reporter(
        GANConfig(),
        UNMONITORED,
        folder=training,
        images=100,
        tell=lambda _: None,
        display=lambda _: None,
    )
    with contextlib.closing(reporter):
        for event in events:
            reporter.on_event(event)
        reporter.draw()
    return training.loss_plot_file.read_bytes()


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """Return the picture of a training that was never interrupted."""
    return drawn(tmp_path / "whole", [started(0), *map(progressed, FIRST + LATER)])


def test_a_resumed_trainings_picture_begins_at_its_beginning(tmp_path: Path, whole: bytes):
    # Killed after the third call, of which the checkpoint knows nothing: it is said again.
    drawn(tmp_path, [started(0), *map(progressed, FIRST)])
    assert drawn(tmp_path, [started(0.128), *map(progressed, [0.192, *LATER])]) == whole
    assert drawn(tmp_path, [started(0.384)]) == whole


def test_so_does_that_of_a_training_that_goes_on_elsewhere(tmp_path: Path, whole: bytes):
    drawn(tmp_path / "before", [started(0), *map(progressed, FIRST)])
    source = TrainingFolder(tmp_path / "before" / "one")
    copy_history(source, TrainingFolder(tmp_path / "one"))
    assert drawn(tmp_path, [started(0.192), *map(progressed, LATER)]) == whole


def test_and_that_of_one_of_which_only_a_history_is_left(tmp_path: Path, whole: bytes):
    with contextlib.closing(JsonlTracker(tmp_path / "one" / "history.jsonl")) as history:
        for event in [started(0), *map(progressed, FIRST)]:
            history.emit(event)
    drawn(tmp_path, [started(0.192), progressed(LATER[0])])
    assert drawn(tmp_path, [started(LATER[0]), *map(progressed, LATER[1:])]) == whole
