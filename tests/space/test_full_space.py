"""Hold `full.yaml` to its promise: everything is in it, and nothing that cannot work."""

import collections
import random
import time

import numpy as np
import pytest

from harness.gan.config.config import build_config
from harness.space.feasibility import sample_values
from harness.space.fields import FIELDS
from harness.space.parameters import Range
from harness.space.space import SearchSpace

LEFT_OUT = {
    "schedule.hold_kimg",  # set by a finish, which goes on from a trial's end
    "generator.widths",  # width and depth say it for every network whose widths double
    "discriminator.widths",
    "discriminator.dropouts",  # presets have one a layer; one for all layers is searched
}


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace.load("full")


@pytest.fixture(scope="module")
def drawn(space: SearchSpace) -> list[dict[str, object]]:
    rng = random.Random(2)
    return [sample_values(space.parameters, rng) for _ in range(300)]


def test_every_field_is_searched_or_left_out_for_a_reason(space: SearchSpace):
    searched = {part.name for part in space.parameters}
    assert searched == set(FIELDS) - LEFT_OUT


def test_all_that_is_drawn_is_a_valid_gan(drawn):
    for values in drawn:
        build_config(values)


def test_every_kind_of_each_ingredient_is_drawn(drawn):
    seen = collections.defaultdict(set)
    for values in drawn:
        for name, value in values.items():
            seen[name].add(value)
    assert seen["generator.name"] == {"mlp", "upsample", "dcgan", "resnet"}
    assert seen["discriminator.name"] == {"mlp", "conv", "resnet"}
    assert seen["loss.name"] == {
        "non_saturating",
        "least_squares",
        "hinge",
        "wasserstein",
        "relativistic",
    }
    assert seen["regularizer.name"] == {"none", "gradient_penalty", "r1", "r2", "r1_r2"}
    assert seen["optimizer.name"] == {"adam", "adamw", "rmsprop"}
    assert seen["schedule.name"] == {"constant", "linear", "cosine"}
    # What the rules forbid somewhere is drawn where it works.
    assert seen["update.discriminator_batches"] == {"joint", "separate", "sequential"}
    for name in ("discriminator.minibatch_deviation", "discriminator.spectral_normalization"):
        assert seen[name] == {False, True}
    assert "batch" in seen["discriminator.normalization"]


def test_a_penaltys_weight_exists_only_with_the_penalty(space: SearchSpace, drawn):
    (weight,) = (part for part in space.parameters if part.name == "regularizer.weight")
    for values in drawn:
        searched = isinstance(weight.applying(values), Range)
        assert searched == (values["regularizer.name"] != "none")


def test_it_is_proven_quickly():
    began = time.process_time()  # of this process alone: others do not count
    SearchSpace.load("full")
    assert time.process_time() - began < 2


@pytest.mark.slow
@pytest.mark.parametrize("family", ["resnet", "upsample", "dcgan", "mlp"])
def test_what_is_drawn_trains_at_its_real_size(space: SearchSpace, family: str):
    from harness.diagnosis.cost import family_configs
    from harness.gan.trainer import Trainer

    # The resnet has a lazy penalty and tensors so large that graph optimizers rewrote its sums.
    config = {each.family: each for each in family_configs(space)}[family]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    trainer = Trainer(config, images, np.arange(300, dtype=np.int32) % 3, 3)
    assert trainer.advance(20).finite
    assert trainer.advance(20).finite


@pytest.mark.slow
def test_networks_of_what_is_drawn_can_be_built(drawn):
    from harness.gan.networks.discriminators import build_discriminator
    from harness.gan.networks.generators import build_generator

    for values in drawn[:60]:
        config = build_config(values)
        for build in (build_generator, build_discriminator):
            assert build(config, (28, 28, 1), 10).count_params() > 0
