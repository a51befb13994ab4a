"""Find the steps after which something is printed or shown."""

from harness.gan.monitor import UNMONITORED, Cadence, MonitorConfig
from harness.training.cadence import CadenceSchedule

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
