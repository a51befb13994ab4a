import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.sections import OptimizerConfig, ScheduleConfig
from harness.gan.updates.batches import Purpose
from harness.gan.updates.optimizers import (
    build_optimizer,
    clip_gradients,
    dense_gradients,
    is_scheduled,
    learning_rate_share,
)
from harness.gan.updates.steps import STEPS, discriminator_update

ZERO = tf.constant(0, tf.int64)
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
        optimizer.apply([tf.constant(gradient)[:, None]])
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


@pytest.mark.parametrize(
    ("settings", "of_keras"),
    [
        ({"name": "adam", **BETAS}, keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.75)),
        ({"name": "adam"}, keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.999)),
        (
            {"name": "adamw", "weight_decay": 0.2, **BETAS},
            keras.optimizers.AdamW(0.1, weight_decay=0.2, beta_1=0.5, beta_2=0.75),
        ),
        ({"name": "rmsprop", "beta_2": 0.9}, keras.optimizers.RMSprop(0.1, rho=0.9)),
    ],
)
def test_ten_updates_are_those_of_keras(weights, settings, of_keras):
    other = keras.models.clone_model(weights)
    other.set_weights(weights.get_weights())
    gradients = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    moved = moved_by(weights, settings, *gradients)
    for gradient in gradients:
        of_keras.apply([tf.constant(gradient)[:, None]], other.trainable_variables)
    np.testing.assert_allclose(moved, other.get_weights()[0][:, 0], rtol=2e-5)


def test_a_variable_without_a_gradient_stays_and_all_else_begins_anew(weights):
    optimizer = build_optimizer(OptimizerConfig(), 0.1, weights)
    optimizer.apply([None])
    assert weights.get_weights()[0][:, 0].tolist() == [1, 2]
    optimizer.apply([tf.constant([[3.0], [4.0]])])
    optimizer.begin_anew(0.2)
    values = {name: variable.numpy() for name, variable in optimizer.variables}
    assert values.pop("learning_rate") == pytest.approx(0.2)
    assert all((value == 0).all() for value in values.values())


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
    table, other = tf.Variable([[1.0], [1.0]]), tf.Variable([1.0])
    with tf.GradientTape() as tape:
        rows = tf.gather(table, [0, 0])
        target = tf.reduce_sum(rows * [[3.0], [1.0]]) + 3.0 * tf.reduce_sum(other)
    gradients = dense_gradients(tape, target, [table, other, tf.Variable(0.0)])
    np.testing.assert_allclose(gradients[0], [[4.0], [0.0]])
    assert gradients[2] is None
    embedding, dense, _ = clip_gradients(gradients, 2.5)
    np.testing.assert_allclose(embedding, [[2.0], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(dense, [1.5], rtol=1e-6)


def of_one_class(build_pair, optimizer, **changes):
    """Return a pair with this optimizer whose every batch is eight images of class 1."""
    pair, feed = build_pair(
        optimizer=optimizer,
        batch_size=8,
        generator={"normalization": "none"},  # a batch's statistics would hide what all share
        discriminator={"conditioning": "projection"},
        **changes,
    )
    feed.labels = tf.fill(feed.labels.shape, 1)
    built = (build_optimizer(pair.config.optimizer, 0.01, n) for n in networks(pair))
    both = dict(zip(("generator_optimizer", "discriminator_optimizer"), built, strict=True))
    return dataclasses.replace(pair, **both), feed


def networks(pair):
    return pair.generator, pair.discriminator


def embedding_of(network):
    (found,) = (v for v in network.trainable_variables if "embedding" in v.path)
    return found


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_a_row_that_eight_labels_share_moves_like_any_other_weight(build_pair, name, order):
    # A first step is as long whatever the gradient: the learning rate for Adam, √2 times that for
    # RMSprop with rho 0.5. Slices squared one by one would make it up to √8 times as long.
    optimizer = {"name": name, "beta_1": 0.0, "beta_2": 0.5}
    if name == "adamw":
        optimizer["weight_decay"] = 1e-9
    pair, feed = of_one_class(build_pair, optimizer, update={"order": order})
    for network in networks(pair):  # gradients far above the optimizers' epsilon
        network.set_weights([3 * weights for weights in network.get_weights()])
    before = [embedding_of(network).numpy() for network in networks(pair)]
    STEPS[order](pair, feed, ZERO)
    for network, old in zip(networks(pair), before, strict=True):
        moved = np.abs(embedding_of(network).numpy() - old)
        np.testing.assert_allclose(
            moved[1], 0.01 * (2**0.5 if name == "rmsprop" else 1), rtol=0.01
        )
        assert (moved[[0, 2]] < 1e-6).all()


def test_updates_of_one_class_are_those_of_adam_by_hand(build_pair):
    pair, feed = of_one_class(build_pair, {"name": "adam", "beta_1": 0.5, "beta_2": 0.75})
    hand, _ = of_one_class(build_pair, {"name": "adam", "beta_1": 0.5, "beta_2": 0.75})
    variables = hand.discriminator.trainable_variables
    m, v = ([np.zeros(x.shape) for x in variables] for _ in range(2))
    for update in range(3):
        discriminator_update(pair, feed, tf.constant(update, tf.int64))
        with tf.GradientTape() as tape:
            real, labels = feed.real(tf.constant(update, tf.int64))
            noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, update)
            fake = hand.generate(noise, labels, training=True)
            logits = [hand.judge(x, labels, training=True) for x in (real, fake)]
            loss = hand.loss.discriminator(*logits, (1.0, 0.0))
        for i, gradient in enumerate(tape.gradient(loss, variables)):
            total = np.zeros(variables[i].shape)
            if isinstance(gradient, tf.IndexedSlices):
                np.add.at(total, gradient.indices.numpy(), gradient.values.numpy())
            else:
                total += gradient.numpy()
            m[i] = 0.5 * m[i] + 0.5 * total
            v[i] = 0.75 * v[i] + 0.25 * total**2
            corrected = m[i] / (1 - 0.5 ** (update + 1)), v[i] / (1 - 0.75 ** (update + 1))
            variables[i].assign_sub(0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-7))
    for ours, by_hand in zip(pair.discriminator.trainable_variables, variables, strict=True):
        np.testing.assert_allclose(ours, by_hand, atol=2e-4)


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


def test_a_decay_that_is_held_back_begins_later():
    # From 8 to 12 kimg down to 0: a quarter per kimg.
    values = shares((4, 8, 9, 12, 50), name="linear", hold_kimg=8, decay_kimg=12)
    assert values == pytest.approx([1, 1, 0.75, 0, 0])


def test_cosine_decay_by_hand():
    # 0.2 + 0.4 (1 + cos(π p)): at p = 1/4 0.2 + 0.4 x 1.707107, at 1/2 0.6.
    at = (0, 2, 4, 8, 20)
    values = shares(at, name="cosine", decay_kimg=8, final_share=0.2)
    assert values == pytest.approx([1, 0.882843, 0.6, 0.2, 0.2])


def test_only_a_schedule_that_changes_something_is_one(small_config):
    assert not is_scheduled(small_config())
    assert is_scheduled(small_config(schedule={"warmup_kimg": 1}))
    assert is_scheduled(small_config(schedule={"name": "linear", "decay_kimg": 1}))
