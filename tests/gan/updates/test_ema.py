import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.updates.ema import effective_decay, kept_share, log_decay_per_step, update_average


def test_half_life_counts_images(small_config):
    # 8 images a D update, 5 of them a step: 0.04 kimg. Ten steps are the half-life of 0.4 kimg.
    config = small_config(update={"discriminator_steps": 5}, ema={"half_life_kimg": 0.4})
    assert math.exp(10 * log_decay_per_step(config)) == pytest.approx(0.5)


def test_effective_decay_by_hand():
    # β = 0.5: 0; 0.5 x 0.5 / 0.75 = 1/3; 0.5 x 0.75 / 0.875 = 3/7.
    decays = [float(effective_decay(math.log(0.5), tf.constant(t))) for t in (1, 2, 3)]
    assert decays == pytest.approx([0, 1 / 3, 3 / 7])


def test_effective_decay_keeps_its_precision_near_1():
    # For β near 1 update t is a plain mean: β_t tends to (t - 1) / t.
    assert float(effective_decay(math.log1p(-1e-7), tf.constant(4))) == pytest.approx(
        0.75, rel=1e-5
    )


def test_half_life_ramps_up_with_the_images_seen(small_config):
    # 0.008 kimg a step, ramp 0.5. Before step 1 nothing was seen: a copy. Before step 2 0.008
    # were: half-life 0.004, half of a step: 0.5². Before step 5 0.032: 0.016, two steps: 0.5^0.5.
    # Before step 101 0.8 x 0.5 = 0.4 is over the full 0.05: 0.5^0.16.
    config = small_config(ema={"half_life_kimg": 0.05, "ramp": 0.5})
    kept = [float(kept_share(config, tf.constant(t, tf.int64))) for t in (1, 2, 5, 101)]
    assert kept == pytest.approx([0, 0.25, 0.5**0.5, 0.5**0.16], rel=1e-5)


def test_without_a_ramp_the_bias_is_corrected(small_config):
    config = small_config(ema={"half_life_kimg": 0.008})  # β = 0.5; β_2 = 1/3 as above
    assert float(kept_share(config, tf.constant(2, tf.int64))) == pytest.approx(1 / 3)


def test_average_equals_the_bias_corrected_one_and_copies_statistics():
    source = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    average = keras.models.clone_model(source)
    values, decay = [3.0, -1.0, 4.0, 10.0], 0.8
    for t, value in enumerate(values, start=1):
        for variable in source.variables:
            variable.assign([value])
        update_average(average, source, effective_decay(math.log(decay), tf.constant(t)))
    # Σ 0.2 x 0.8^(4-t) v_t / (1 - 0.8^4)
    weights = [0.2 * decay ** (4 - t) for t in (1, 2, 3, 4)]
    expected = np.dot(weights, values) / (1 - decay**4)
    for variable in average.trainable_variables:
        assert float(variable.value[0]) == pytest.approx(expected)
    for variable in average.non_trainable_variables:
        assert float(variable.value[0]) == 10.0
