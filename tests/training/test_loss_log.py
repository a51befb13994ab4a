"""Average losses from one time of a cadence to the next, whatever calls they came in."""

import pytest

from harness.core.events import Progressed, Started
from harness.gan.monitor import Cadence
from harness.training.loss_log import Losses, LossLog


def started(kimg: float) -> Started:
    return Started(kimg=kimg, generator_parameters=1, discriminator_parameters=1)


def progressed(step: int, discriminator: float, generator: float = 0.5) -> Progressed:
    """Return what a call that ends after so many steps of 10 images says."""
    return Progressed(step / 100, generator, discriminator, 0.6, 0.8, 100.0, 1.0)


def log_of(cadence: Cadence | None, history: tuple = ()) -> LossLog:
    return LossLog(cadence, images_per_step=10, images=45, history=history)


def test_means_weigh_calls_by_their_steps():
    log = log_of(Cadence(4, "batch"))
    assert log.add(started(0)) is None
    assert log.add(progressed(1, 2.0, 1.0)) is None
    # 1 step at 2 and 3 at 4: 14 / 4; 1 at 1 and 3 at 0.2: 1.6 / 4. (0.6 + 0.8) / 2.
    means = log.add(progressed(4, 4.0, 0.2))
    assert means == Losses(4, pytest.approx(3.5), pytest.approx(0.4), pytest.approx(0.7))
    assert log.add(progressed(7, 9.0)) is None
    assert log.add(progressed(8, 1.0)).discriminator == pytest.approx(7.0)  # 3 x 9 + 1 over 4


def test_epochs_end_with_the_step_that_shows_their_last_image():
    # 45 images in steps of 10: the first epoch ends after step 5, the second after step 9.
    log = log_of(Cadence(1, "epoch"))
    log.add(started(0))
    assert log.add(progressed(5, 1.0)).at == 1
    second = log.add(progressed(9, 2.0))
    assert (second.at, second.discriminator) == (2, 2.0)


def test_an_interval_is_averaged_across_an_interruption():
    said = (started(0), progressed(2, 1.0), progressed(3, 5.0), progressed(4, 100.0))
    log = log_of(Cadence(4, "batch"), said)
    log.add(started(0.03))  # from the checkpoint after step 3: step 4 is said again
    assert log.add(progressed(4, 1.0)).discriminator == pytest.approx(2.0)  # (2 + 5 + 1) / 4


def test_without_a_cadence_the_curve_is_over_kimg():
    log = log_of(None)
    log.add(started(0))
    assert [log.add(progressed(step, step)) for step in (1, 2)] == [None, None]
    unit, points = log.curve()
    assert unit == "kimg"
    assert [(point.at, point.discriminator) for point in points] == [(0.01, 1.0), (0.02, 2.0)]


def test_the_curve_is_over_the_cadence_as_soon_as_it_has_two_points():
    log = log_of(Cadence(2, "batch"))
    log.add(started(0))
    log.add(progressed(1, 1.0))
    log.add(progressed(2, 3.0))
    assert log.curve()[0] == "kimg"
    log.add(progressed(4, 4.0))
    log.add(progressed(5, 8.0))  # not over yet
    unit, points = log.curve()
    assert (unit, [(point.at, point.discriminator) for point in points]) == (
        "batch",
        [(2, 2.0), (4, 4.0)],
    )


def test_a_long_curve_is_thinned_to_means():
    log = log_of(Cadence(1, "batch"))
    log.add(started(0))
    for step in range(1, 401):
        log.add(progressed(step, step % 2))
    points = log.curve()[1]
    assert len(points) == 200
    assert {point.discriminator for point in points} == {0.5}
    assert points[-1].at == 400
