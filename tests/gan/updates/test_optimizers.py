import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.sections import OptimizerConfig, ScheduleConfig
from harness.gan.updates.optimizers import (
    build_optimizer,
    clip_gradients,
    is_scheduled,
    learning_rate_share,
)

BETAS = {"beta_1": 0.5, "beta_2": 0.75}


@pytest.fixture
def weights():
    """Return a model of the two weights 1 and 2."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [2.0]], np.float32)])
    return model


def moved_by(model, settings, *gradients):
    """Return the weights after updates with these gradients at learning rate 0.1."""
    optimizer = build_optimizer(OptimizerConfig.model_validate(settings), 0.1, model)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)[:, None]], model.trainable_variables)
    return model.get_weights()[0][:, 0]


def test_the_first_update_of_adam_is_the_learning_rate_whatever_the_gradient(weights):
    # m = 0.5 g, v = 0.25 g², and both corrections cancel: g / |g|.
    moved = moved_by(weights, BETAS, [3.0, -0.04])
    np.testing.assert_allclose(moved, [0.9, 2.1], atol=1e-5)


def test_adam_decays_by_its_betas(weights):
    # Then a gradient of 0: m = 0.25 g over 1 - 0.5², v = 0.1875 g² over 1 - 0.75²:
    # (1/3) / √(3/7) = 0.50918.
    moved = moved_by(weights, BETAS, [3.0, -0.04], [0.0, 0.0])
    np.testing.assert_allclose(moved, [0.9 - 0.050918, 2.1 + 0.050918], atol=1e-5)


def test_adam_without_any_memory_takes_signs(weights):
    moved = moved_by(weights, {"beta_1": 0, "beta_2": 0}, [3.0, -0.04], [5.0, 5.0])
    np.testing.assert_allclose(moved, [0.8, 2.0], atol=1e-5)


def test_adamw_takes_a_share_of_the_weight_off_apart(weights):
    # Learning rate 0.1 times 0.2 is 2 % of 1 and of 2.
    moved = moved_by(weights, {"name": "adamw", "weight_decay": 0.2, **BETAS}, [3.0, -0.04])
    np.testing.assert_allclose(moved, [0.98 - 0.1, 1.96 + 0.1], atol=1e-5)


def test_rmsprop_takes_beta_2_for_rho_and_corrects_no_start(weights):
    # v = 0.25 g²: g / (0.5 |g|) = 2. Then v = 0.75 x 0.25 + 0.25 = 0.4375 g²: 1 / 0.66144.
    settings = {"name": "rmsprop", **BETAS}
    moved = moved_by(weights, settings, [3.0, -4.0], [3.0, -4.0])
    np.testing.assert_allclose(moved, [1 - 0.2 - 0.151186, 2 + 0.2 + 0.151186], atol=1e-5)


def test_gradients_are_clipped_by_their_joint_norm():
    gradients = [tf.constant([3.0, 4.0]), None, tf.constant([[12.0]])]  # norm 13
    first, none, second = clip_gradients(gradients, 6.5)
    np.testing.assert_allclose(first, [1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(second, [[6.0]], rtol=1e-6)
    assert none is None
    unchanged = clip_gradients(gradients, 14.0)
    np.testing.assert_allclose(unchanged[0], [3.0, 4.0], rtol=1e-6)
    assert clip_gradients(gradients, 0.0)[0] is gradients[0]


def test_rows_that_several_labels_share_are_added_before_the_norm():
    # Row 0 is 3 + 1 = 4, the other gradient 3: norm 5, and not √(9 + 1 + 9).
    rows = tf.IndexedSlices(
        values=tf.constant([[3.0], [1.0]]), indices=tf.constant([0, 0]), dense_shape=(2, 1)
    )
    sparse, dense = clip_gradients([rows, tf.constant([3.0])], 2.5)
    np.testing.assert_allclose(sparse, [[2.0], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(dense, [1.5], rtol=1e-6)


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
