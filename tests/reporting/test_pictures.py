"""Put grids of rungs and between them in order."""

import dataclasses
from pathlib import Path

import pytest

from harness.core.outcome import Reason
from harness.reporting.pictures import MOST_FRAMES, film_of, kept_frame
from harness.reporting.report_data import ReportData, read_report
from harness.reporting.trials import Rung, Sample, TrialData
from tests.reporting.studies import add_samples, add_training, make_study


@pytest.fixture
def filmed(tmp_path: Path) -> TrialData:
    """Return a trial with rungs at 8 and 32 kimg, the better one first, and a sample each 4."""
    folder = make_study(tmp_path / "s")
    training = add_training(folder / "trials" / "0000", [1.0, 2.0], Reason.FINISHED, final=1.1)
    add_samples(training, range(4, 33, 4))
    (training.path / "samples" / "epoch_000001.png").write_bytes(b"of another cadence")
    return read_report(folder).trials[0]


def test_frames_stand_by_kimg_and_rungs_for_samples_of_their_moment(filmed: TrialData):
    film = film_of(filmed)
    assert [frame.kimg for frame in film] == [4, 8, 12, 16, 20, 24, 28, 32]
    assert [frame.kimg for frame in film if isinstance(frame, Rung)] == [8, 32]
    assert [frame.grid.parent.name for frame in film[:2]] == ["samples", "grids"]


def test_a_sample_at_nearly_the_moment_of_a_rung_is_left_out(filmed: TrialData):
    late = dataclasses.replace(filmed.rungs[0], kimg=8.9)  # less than a quarter of 4 beyond
    trial = dataclasses.replace(filmed, rungs=(late, filmed.rungs[1]))
    assert [frame.kimg for frame in film_of(trial)] == [4, 8.9, 12, 16, 20, 24, 28, 32]


def test_the_kept_generator_is_that_of_the_best_rung(filmed: TrialData):
    assert kept_frame(filmed, film_of(filmed)) == 1


def test_a_long_film_is_thinned_but_for_its_rungs(filmed: TrialData):
    samples = tuple(Sample(kimg / 10, filmed.rungs[0].grid) for kimg in range(1, 320))
    film = film_of(dataclasses.replace(filmed, samples=samples))
    assert len(film) == MOST_FRAMES
    assert [frame.kimg for frame in film if isinstance(frame, Rung)] == [8, 32]


def test_an_older_study_has_a_film_of_its_rungs(data: ReportData):
    film = film_of(data.best)
    assert [frame.kimg for frame in film] == [8, 32]
    assert kept_frame(data.best, film) == 1
