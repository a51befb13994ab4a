"""Count when a cadence falls due, in batches and in epochs that end within a batch."""

import pytest

from harness.core.errors import ConfigError
from harness.gan.monitor import Cadence, parse_cadence


def steps_until(last: int, cadence: Cadence, *, images_per_step: int, images: int) -> list[int]:
    steps, step = [], 0
    while step < last:
        step = cadence.next_step(step, images_per_step=images_per_step, images=images)
        steps.append(step)
    return steps


def test_batches_are_steps():
    steps = steps_until(150, Cadence(50, "batch"), images_per_step=96, images=1000)
    assert steps == [50, 100, 150]


def test_an_epoch_ends_with_the_step_that_shows_its_last_image():
    # 100 images in steps of 32: 3.125, 6.25, 9.375 and 12.5 steps.
    steps = steps_until(13, Cadence(1, "epoch"), images_per_step=32, images=100)
    assert steps == [4, 7, 10, 13]
    # Two epochs at once: 6.25 and 12.5.
    steps = steps_until(13, Cadence(2, "epoch"), images_per_step=32, images=100)
    assert steps == [7, 13]


def test_a_kimg_is_a_thousand_images_whatever_an_epoch_has():
    # 5,000 images in steps of 96: 52.08, 104.17 and 156.25 steps.
    steps = steps_until(157, Cadence(5, "kimg"), images_per_step=96, images=100)
    assert steps == [53, 105, 157]


def test_times_are_counted_from_the_step_alone():
    cadence = Cadence(1, "epoch")
    # 3 steps show 96 images, 4 show 128, 7 show 224.
    times = [cadence.times(step, images_per_step=32, images=100) for step in (0, 3, 4, 6, 7)]
    assert times == [0, 0, 1, 1, 2]


def test_a_step_longer_than_an_epoch_is_one_time():
    steps = steps_until(3, Cadence(1, "epoch"), images_per_step=250, images=100)
    assert steps == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "cadence"),
    [
        ("50 batches", Cadence(50, "batch")),
        ("1 batch", Cadence(1, "batch")),
        ("10epochs", Cadence(10, "epoch")),
        (" 1 epoch ", Cadence(1, "epoch")),
        ("5 kimg", Cadence(5, "kimg")),
    ],
)
def test_a_cadence_is_read_as_people_write_it(text: str, cadence: Cadence):
    assert parse_cadence(text, "--print-every") == cadence


@pytest.mark.parametrize(
    "text", ["0 epochs", "epoch", "5", "1.5 epochs", "-1 batch", "5 kimgs", ""]
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(
        ConfigError, match=r"--print-every: expected a number of batches, epochs or kimg"
    ):
        parse_cadence(text, "--print-every")
