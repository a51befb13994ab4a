"""Choose the steps of the next call by what the last one cost."""

import pytest

from harness.training.speed import Speed


def test_calls_are_short_until_the_speed_is_known_then_take_two_seconds():
    speed = Speed()
    assert speed.steps_of_next_call(0) == 1
    speed.note(1, 9.0)  # compiles
    assert speed.steps_of_next_call(1) == 4
    assert (speed.seconds_per_step, speed.proven) == (0.0, False)
    speed.note(4, 0.4)
    assert speed.steps_of_next_call(5) == 20  # 2 s at 0.1 s a step
    speed.note(20, 1.6)
    assert speed.seconds_per_step == pytest.approx(2.0 / 24)
    assert speed.proven  # 2 s were timed; half of CHUNK_SECONDS suffices


def test_a_step_of_minutes_is_a_call():
    speed = Speed()
    for step in range(1, 4):
        speed.note(1, 100.0)
        assert speed.steps_of_next_call(step) == 1


def test_fixed_chunks_end_at_multiples_of_64_whatever_the_clock_says():
    speed = Speed(fixed_chunks=True)
    assert speed.steps_of_next_call(0) == 64
    speed.note(64, 1000.0)
    assert [speed.steps_of_next_call(step) for step in (64, 79, 127, 128)] == [64, 49, 1, 64]
