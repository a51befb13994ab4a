import dataclasses

import numpy as np
import pytest

from harness.gan.trainer import Trainer
from harness.gan.trainers import KEPT, Trainers
from harness.gan.updates.live_values import structure

FIRST = {
    "generator": {"learning_rate": 0.01, "dropout": 0.1},
    "discriminator": {"learning_rate": 0.02, "dropouts": (0.0, 0.3), "head_dropout": 0.2},
    "loss": {"label_smoothing": 0.1, "label_noise": 0.05},
    "regularizer": {"name": "r1", "weight": 0.5, "interval": 2},
    "optimizer": {"beta_1": 0.0, "beta_2": 0.9},
    "ema": {"half_life_kimg": 0.5},
}
OTHER = {
    "seed": 7,
    "generator": {"learning_rate": 0.002, "dropout": 0.4},
    "discriminator": {"learning_rate": 0.005, "dropouts": (0.0, 0.1), "head_dropout": 0.5},
    "loss": {"label_smoothing": 0.2, "label_noise": 0.01},
    "regularizer": {"name": "r1", "weight": 3.0, "interval": 2},
    "optimizer": {"beta_1": 0.5, "beta_2": 0.99},
    "ema": {"half_life_kimg": 0.1},
}


@pytest.fixture
def trainers(small_images):
    return Trainers(*small_images, 3)


def differing(one, other):
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name])]


def test_a_training_in_what_another_compiled_is_the_same_bit_for_bit(
    trainers, small_config, small_images
):
    first = trainers.begin(small_config(**FIRST))
    first.advance(5)
    again = trainers.begin(small_config(**OTHER))
    assert again is first
    alone = Trainer(small_config(**OTHER), *small_images, 3)
    assert differing(again.state(), alone.state()) == []
    progress, expected = again.advance(7), alone.advance(7)
    assert differing(again.state(), alone.state()) == []
    assert progress == dataclasses.replace(expected)
    noise = {"noise_seed": 3, "labels": [0, 1, 2]}
    np.testing.assert_array_equal(again.sampler.sample(**noise), alone.sampler.sample(**noise))


def test_it_goes_on_where_it_paused(trainers, small_config):
    one, other = small_config(**FIRST), small_config(**OTHER)
    trainer = trainers.begin(one)
    trainer.advance(3)
    paused = trainer.state()
    trainer.advance(4)
    expected = trainer.state()
    trainers.begin(other).advance(2)
    resumed = trainers.begin(one)
    resumed.load_state(paused)
    resumed.advance(4)
    assert differing(resumed.state(), expected) == []


@pytest.mark.parametrize(
    "change",
    [
        {"generator": {"width": 6}},
        {"loss": {"label_smoothing": 0.0, "label_noise": 0.05}},
        {"discriminator": {"dropouts": (0.1, 0.3)}},
        {"discriminator": {"dropouts": (0.0, 0.3), "head_dropout": 0.0}},
        {"ema": {"half_life_kimg": 0.5, "ramp": 0.1}},
        {"optimizer": {"clip_norm": 1.0}},
        {"batch_size": 4},
    ],
)
def test_what_is_built_or_left_out_is_another_structure(small_config, change):
    assert structure(small_config(**FIRST)) == structure(small_config(**OTHER))
    assert structure(small_config(**FIRST)) != structure(small_config(**(FIRST | change)))


def test_functions_of_ones_own_share_nothing_but_the_same_configuration(small_config):
    own = {"loss": {"name": "my_file.py:loss"}}
    one, other = (small_config(seed=seed, **own) for seed in (1, 2))
    assert structure(one) == structure(one)
    assert structure(one) != structure(other)


def test_the_last_few_are_kept(trainers, small_config):
    configs = [small_config(batch_size=size) for size in range(2, 4 + KEPT)]
    made = [trainers.begin(config) for config in configs]
    assert trainers.begin(configs[-1]) is made[-1]
    assert trainers.begin(configs[1 + len(configs) - 1 - KEPT]) is made[-KEPT]
    assert trainers.begin(configs[0]) is not made[0]


def test_another_structure_is_refused(trainers, small_config):
    trainer = trainers.begin(small_config())
    with pytest.raises(ValueError, match="another structure"):
        trainer.begin_anew(small_config(batch_size=4))
