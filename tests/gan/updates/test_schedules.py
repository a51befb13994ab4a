import pytest
import tensorflow as tf

from harness.gan.config.sections import ScheduleConfig
from harness.gan.updates.schedules import is_scheduled, learning_rate_share


def shares(at, **settings):
    schedule = ScheduleConfig.model_validate(settings)
    return [float(learning_rate_share(schedule, tf.constant(float(kimg)))) for kimg in at]


def test_constant_is_1_after_a_warm_up_in_a_line():
    assert shares((0.5, 99), name="constant") == [1, 1]
    assert shares((1, 3, 4, 99), warmup_kimg=4) == pytest.approx([0.25, 0.75, 1, 1])


def test_linear_decay_begins_after_the_warm_up_and_stays_at_its_end():
    # From 4 to 12 kimg down to 0.2: 1 - 0.8 / 8 per kimg.
    at = (2, 4, 5, 8, 12, 50)
    values = shares(at, name="linear", warmup_kimg=4, decay_kimg=12, final_share=0.2)
    assert values == pytest.approx([0.5, 1, 0.9, 0.6, 0.2, 0.2])


def test_cosine_decay_by_hand():
    # 0.2 + 0.4 (1 + cos(π p)): at p = 1/4 0.2 + 0.4 x 1.707107, at 1/2 0.6.
    at = (0, 2, 4, 8, 20)
    values = shares(at, name="cosine", decay_kimg=8, final_share=0.2)
    assert values == pytest.approx([1, 0.882843, 0.6, 0.2, 0.2])


def test_only_a_schedule_that_changes_something_is_one(small_config):
    assert not is_scheduled(small_config())
    assert is_scheduled(small_config(schedule={"warmup_kimg": 1}))
    assert is_scheduled(small_config(schedule={"name": "linear", "decay_kimg": 1}))
