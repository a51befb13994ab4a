import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.core.errors import ConfigError
from harness.gan.trainer import Trainer

# Everything that holds state at once: both normalizations, dropout, both embeddings, EMA.
FULL = {
    "discriminator": {"normalization": "batch", "dropout": 0.3},
    "generator": {"dropout": 0.1},
    "loss": {"label_noise": 0.1},
}


def same(one, other):
    assert one.keys() == other.keys()
    return all((one[name] == other[name]).all() for name in one)


@pytest.fixture(scope="module")
def straight(small_config, small_images):
    """Return a trainer that took ten steps in one call, and its progress."""
    trainer = Trainer(small_config(**FULL), *small_images, 3)
    return trainer, trainer.advance(10)


def test_progress_counts_steps_and_images(straight):
    trainer, progress = straight
    assert (progress.steps, trainer.step) == (10, 10)
    assert progress.kimg == trainer.kimg == pytest.approx(0.08)  # 10 steps of 8 images
    assert progress.finite
    assert 0 < progress.generator_loss < 5
    assert 0 < progress.discriminator_loss < 5
    assert 0 <= progress.accuracy_real <= 1
    assert 0 <= progress.accuracy_fake <= 1


def test_chunks_and_checkpoints_do_not_change_a_result(straight, small_config, small_images):
    trainer = Trainer(small_config(**FULL), *small_images, 3)
    trainer.advance(3)
    saved = trainer.state()
    trainer.advance(7)
    assert same(trainer.state(), straight[0].state())
    trainer.load_state(saved)
    assert trainer.step == 3
    assert same(trainer.state(), saved)
    trainer.advance(7)
    assert same(trainer.state(), straight[0].state())


def test_a_fresh_process_continues_from_a_state(straight, small_config, small_images):
    trainer = Trainer(small_config(**FULL), *small_images, 3)
    trainer.advance(3)
    again = Trainer(small_config(**FULL), *small_images, 3)
    again.load_state(trainer.state())
    again.advance(7)
    assert same(again.state(), straight[0].state())


@pytest.mark.slow
def test_a_resumed_training_keeps_power_iteration_and_the_turn_of_lazy_penalties(
    small_config, small_images
):
    # Penalties are due at the updates 0, 4 and 8; the interruption falls between two.
    changes = {
        "discriminator": {"spectral_normalization": True, "dropout": 0.2},
        "regularizer": {"name": "r1", "weight": 10.0, "interval": 4},
    }
    whole = Trainer(small_config(**changes), *small_images, 3)
    whole.advance(3)
    saved = whole.state()
    whole.advance(7)
    resumed = Trainer(small_config(**changes), *small_images, 3)
    resumed.load_state(saved)
    resumed.advance(7)
    assert same(resumed.state(), whole.state())
    assert any(name.endswith("hidden_1_direction") for name in saved)


# What else a step depends on: optimizer, both learning rates, the average's ramp and showings.
EVERYTHING = {
    **FULL,
    "precision": "bfloat16",
    "optimizer": {"name": "adamw", "weight_decay": 0.01, "clip_norm": 1.0},
    "schedule": {"name": "cosine", "warmup_kimg": 0.03, "decay_kimg": 0.06},
    "ema": {"half_life_kimg": 0.05, "ramp": 0.5},
    "augment": {"translation": 0.2, "cutout": 0.3, "noise": 0.1, "noise_kimg": 0.1},
}


@pytest.mark.slow
def test_a_fresh_process_continues_schedules_and_augmentation(small_config, small_images):
    trainer = Trainer(small_config(**EVERYTHING), *small_images, 3)
    trainer.advance(3)
    again = Trainer(small_config(**EVERYTHING), *small_images, 3)
    again.load_state(trainer.state())
    again.advance(2)
    trainer.advance(2)
    assert same(again.state(), trainer.state())


def test_both_learning_rates_follow_the_images_seen(small_config, small_images):
    # 2 x 8 images a step. Warm-up over 0.064 kimg: half of it after 2 steps, though D has been
    # updated 4 times. Then down to nothing at 0.128: 3/4 left after step 5, at 0.08 kimg.
    config = small_config(
        generator={"learning_rate": 0.01},
        discriminator={"learning_rate": 0.02},
        update={"discriminator_steps": 2},
        schedule={"name": "linear", "warmup_kimg": 0.064, "decay_kimg": 0.128},
    )
    trainer = Trainer(config, *small_images, 3)

    def rates():
        state = trainer.state()
        names = ("generator_optimizer", "discriminator_optimizer")
        return [float(state[f"{name}/001_learning_rate"]) for name in names]

    trainer.advance(2)
    assert rates() == pytest.approx([0.005, 0.01])
    trainer.advance(3)
    assert rates() == pytest.approx([0.0075, 0.015])
    before = trainer.state()
    trainer.advance(4)
    after = trainer.state()
    assert rates() == [0, 0]
    trainer.advance(2)
    kernel = next(name for name in after if name.endswith("projection_kernel"))
    assert (after[kernel] != before[kernel]).any()
    assert (trainer.state()[kernel] == after[kernel]).all()


@pytest.mark.parametrize("name", ["adamw", "rmsprop"])
def test_names_in_the_state_do_not_count_optimizers(small_config, small_images, name):
    optimizer = {"name": name, "weight_decay": 0.1 if name == "adamw" else 0.0}
    one, two = (
        Trainer(small_config(optimizer=optimizer), *small_images, 3).state() for _ in range(2)
    )
    assert one.keys() == two.keys()


def test_state_holds_every_variable_under_a_stable_name(straight, small_config, small_images):
    trainer = straight[0]
    state = trainer.state()
    owners = [name.split("/")[0] for name in state]
    for owner, model in (
        ("generator", trainer.generator),
        ("discriminator", trainer.discriminator),
        ("ema_generator", trainer.ema_generator),
    ):
        assert owners.count(owner) == len(model.variables)
    # Two Adam moments a weight, the step count and the learning rate.
    weights = len(trainer.discriminator.trainable_variables)
    assert owners.count("discriminator_optimizer") == 2 * weights + 2
    assert any(name.endswith("seed_generator_state") for name in state)
    assert Trainer(small_config(**FULL), *small_images, 3).state().keys() == state.keys()


def test_the_seed_decides_and_nothing_else(small_config, small_images):
    random.seed(1)
    first = Trainer(small_config(), *small_images, 3).state()
    drawn = random.random()
    random.seed(2)
    second = Trainer(small_config(), *small_images, 3).state()
    other = Trainer(small_config(seed=5), *small_images, 3).state()
    assert same(first, second)
    assert not same(first, other)
    random.seed(1)
    assert random.random() == drawn  # building draws nothing from the caller's stream


def test_state_of_another_configuration_is_refused(straight, small_config, small_images):
    trainer = straight[0]
    before = trainer.state()
    changes = {**FULL, "generator": {**FULL["generator"], "width": 5}}
    wider = Trainer(small_config(**changes), *small_images, 3)
    # From 6 + 3 latent numbers to 2 x 2 pixels of 4 x 4 or 4 x 5 channels.
    message = r"projection_kernel has shape \(9, 64\), expected \(9, 80\).*Train with the config"
    with pytest.raises(ConfigError, match=message):
        wider.load_state(before)
    with pytest.raises(ConfigError, match="step is missing"):
        trainer.load_state({name: value for name, value in before.items() if name != "step"})
    with pytest.raises(ConfigError, match="extra is unknown"):
        trainer.load_state({**before, "extra": np.zeros(1)})
    assert same(trainer.state(), before)


def test_a_loss_that_is_not_finite_ends_the_call_at_once(small_config, small_images):
    trainer = Trainer(small_config(conditional=False), *small_images, 3)
    trainer.advance(2)
    kernel = trainer.discriminator.get_layer("logit").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    progress = trainer.advance(100)
    assert (progress.steps, progress.finite, trainer.step) == (1, False, 3)


def test_the_average_is_the_generator_where_averaging_is_off(small_config, small_images):
    trainer = Trainer(small_config(ema={"half_life_kimg": 0}), *small_images, 3)
    assert trainer.ema_generator is trainer.generator
    assert not any(name.startswith("ema_generator") for name in trainer.state())


def test_the_average_follows_the_generator(small_config, small_images, straight):
    trainer = Trainer(small_config(), *small_images, 3)
    weights = []
    for _ in range(3):
        trainer.advance(1)
        weights.append(trainer.generator.get_layer("projection").kernel.numpy())
    # 0.008 kimg a step, half-life 0.05: β = 0.5^0.16; Σ β^(3-t) w_t / Σ β^(3-t).
    shares = np.array([0.5 ** (0.16 * (3 - t)) for t in (1, 2, 3)])
    expected = np.tensordot(shares / shares.sum(), weights, axes=1)
    average = trainer.ema_generator.get_layer("projection").kernel
    np.testing.assert_allclose(average, expected, atol=1e-6)


def test_several_discriminator_steps_count_all_their_images(small_config, small_images):
    config = small_config(conditional=False, update={"discriminator_steps": 3})
    trainer = Trainer(config, *small_images, 3)
    assert trainer.advance(2).kimg == pytest.approx(2 * 3 * 8 / 1000)


def test_trained_networks_are_saved_without_the_fast_twins(straight, tmp_path):
    inputs = {
        "noise": np.ones((2, 6), np.float32),
        "image": np.ones((2, 8, 8, 1), np.float32),
        "label": np.arange(2, dtype=np.int32),
    }
    for network in (straight[0].generator, straight[0].discriminator, straight[0].ema_generator):
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras")
        given = {tensor.name: inputs[tensor.name] for tensor in network.inputs}
        np.testing.assert_array_equal(loaded(given), network(given))


def test_trainers_share_a_tensor_of_images(small_config, small_images):
    images, labels = map(tf.constant, small_images)
    one, two = (Trainer(small_config(), images, labels, 3) for _ in range(2))
    assert one._feed.images is two._feed.images is images


@pytest.mark.parametrize(
    "changes",
    [
        {"update": {"order": "simultaneous"}},
        {"update": {"discriminator_batches": "sequential"}, "loss": {"name": "hinge"}},
        {"generator": {"name": "upsample", "refine_layers": 1}},
        {"generator": {"name": "mlp"}, "discriminator": {"name": "mlp"}},
        {"loss": {"name": "least_squares"}, "update": {"discriminator_batches": "sequential"}},
        {
            "loss": {"name": "wasserstein"},
            "regularizer": {"name": "gradient_penalty", "weight": 10.0},
            "update": {"discriminator_steps": 2},
        },
        {
            "loss": {"name": "relativistic"},
            "regularizer": {"name": "r1_r2", "weight": 1.0, "interval": 2},
            "update": {"order": "simultaneous"},
        },
    ],
)
def test_other_rules_and_families_train(small_config, small_images, changes):
    trainer = Trainer(small_config(**changes), *small_images, 3)
    before = trainer.state()
    assert trainer.advance(2).finite
    after = trainer.state()
    assert all(
        (before[name] != after[name]).any()
        for name in before
        if name.startswith(("generator/", "discriminator/")) and "kernel" in name
    )


def test_training_without_labels_needs_an_unconditional_gan(small_config, small_images):
    with pytest.raises(ConfigError, match="conditional is true, but the data set has no labels"):
        Trainer(small_config(), small_images[0], None, 3)
    with pytest.raises(ConfigError, match="max_steps must be at least 1; received 0"):
        Trainer(small_config(conditional=False), small_images[0]).advance(0)


def test_it_learns_to_imitate_a_constant_image(small_config):
    images = np.full((20, 8, 8, 1), 230, np.uint8)
    config = small_config(
        conditional=False, batch_size=16, generator={"learning_rate": 0.01, "width": 4}
    )
    trainer = Trainer(config, images)
    noise = {"noise": np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)}
    goal = 230 / 127.5 - 1

    def distance():
        return np.abs(np.asarray(trainer.generator(noise, training=True)) - goal).mean()

    start = distance()
    trainer.advance(300)
    assert distance() < start / 2
