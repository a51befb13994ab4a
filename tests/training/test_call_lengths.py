"""Choose where compiled calls end: by their cost, and where something is printed or shown."""

import pytest

from harness.gan.monitor import UNMONITORED, Cadence, MonitorConfig
from harness.training.call_lengths import CadenceSchedule, Speed

# 45 images in steps of 10: epochs end after steps 5, 9, 14 and 18.
BOTH = CadenceSchedule(
    MonitorConfig(print_every=Cadence(3, "batch"), sample_every=Cadence(2, "epoch")),
    images_per_step=10,
    images=45,
)


def test_a_call_ends_where_the_next_thing_is_due():
    assert [BOTH.steps_until_next(step, most=100) for step in (0, 2, 6, 8)] == [3, 1, 3, 1]
    assert BOTH.steps_until_next(0, most=2) == 2


def test_samples_are_due_at_the_end_of_their_epochs():
    due = {step: BOTH.sample_due(step) for step in range(20) if BOTH.sample_due(step)}
    assert due == {9: ("epoch", 2), 18: ("epoch", 4)}
    assert BOTH.samples_between(0, 18) == 2
    assert BOTH.samples_between(9, 17) == 0


def test_nothing_is_due_where_nothing_was_asked_for():
    silent = CadenceSchedule(UNMONITORED, images_per_step=10, images=45)
    assert silent.steps_until_next(7, most=1000) == 1000
    assert silent.sample_due(9) is None
    assert silent.samples_between(0, 100) == 0


def test_calls_are_short_until_the_speed_is_known_then_take_two_seconds():
    speed = Speed()
    assert speed.steps_of_next_call(0) == 1
    speed.note(1, 9.0, 8.0)  # compiles
    assert speed.steps_of_next_call(1) == 4
    assert speed.processor_seconds_per_step is None
    speed.note(4, 0.4, 0.3)
    assert speed.steps_of_next_call(5) == 20  # 2 s at 0.1 s a step
    speed.note(20, 1.6, 0.9)
    assert speed.processor_seconds_per_step == pytest.approx(1.2 / 24)


def test_a_step_of_minutes_is_a_call():
    speed = Speed()
    for step in range(1, 4):
        speed.note(1, 100.0, 100.0)
        assert speed.steps_of_next_call(step) == 1


def test_fixed_chunks_end_at_multiples_of_64_whatever_the_clock_says():
    speed = Speed(fixed_chunks=True)
    assert speed.steps_of_next_call(0) == 1  # compiles, and would hide what a step costs
    speed.note(1, 1000.0, 1000.0)
    assert speed.steps_of_next_call(1) == 63
    speed.note(63, 1000.0, 1000.0)
    assert [speed.steps_of_next_call(step) for step in (64, 79, 127, 128)] == [64, 49, 1, 64]
