"""Refuse a name that no ingredient has when a configuration is read, not when it is built."""

import pytest

from harness.core.errors import ConfigError
from harness.gan.config import choices
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import DISCRIMINATORS
from harness.gan.networks.generators import GENERATORS
from harness.gan.presets import load_config
from harness.gan.updates.losses import LOSSES
from harness.gan.updates.optimizers import OPTIMIZERS, SCHEDULES
from harness.gan.updates.regularizers import REGULARIZERS

UNKNOWN = """
generator: {name: dcgam}
discriminator: {name: convv}
loss: {name: hinges}
regularizer: {name: r3}
optimizer: {name: adm}
schedule: {name: cosin}
"""


@pytest.mark.parametrize(
    ("registry", "known"),
    [
        (GENERATORS, choices.GENERATOR_NAMES),
        (DISCRIMINATORS, choices.DISCRIMINATOR_NAMES),
        (LOSSES, choices.LOSS_NAMES),
        (REGULARIZERS, choices.REGULARIZER_NAMES),
        (OPTIMIZERS, choices.OPTIMIZER_NAMES),
        (SCHEDULES, choices.SCHEDULE_NAMES),
    ],
)
def test_every_name_stands_for_something_and_nothing_lacks_one(registry, known):
    assert tuple(registry) == known


def test_all_unknown_names_are_refused_at_once_with_the_file_and_the_nearest(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(UNKNOWN)
    with pytest.raises(ConfigError, match=r"own\.yaml has 6 faults:") as caught:
        load_config(path)
    for line in (
        "generator.name must be one of mlp, upsample, dcgan, resnet or a function of your own "
        "such as my_file.py:build; received 'dcgam'. Did you mean 'dcgan'?",
        "discriminator.name must be one of mlp, conv, resnet or a function of your own such as "
        "my_file.py:build; received 'convv'. Did you mean 'conv'?",
        "loss.name must be one of non_saturating, ",
        "received 'hinges'. Did you mean 'hinge'?",
        "regularizer.name must be one of none, gradient_penalty, r1, r2, r1_r2; received 'r3'.",
        "optimizer.name must be one of adam, adamw, rmsprop; received 'adm'. Did you mean 'adam'?",
        "schedule.name must be one of constant, linear, cosine; received 'cosin'. Did you mean",
    ):
        assert line in str(caught.value)


@pytest.mark.parametrize("role", ["generator", "discriminator", "loss"])
def test_a_function_of_the_users_own_may_stand_for_a_name(role):
    config = GANConfig.model_validate({role: {"name": "my_file.py:build"}})
    assert getattr(config, role).name == "my_file.py:build"


@pytest.mark.parametrize("role", ["regularizer", "optimizer", "schedule"])
def test_elsewhere_it_may_not(role):
    with pytest.raises(ValueError, match=r"must be one of .* received 'my_file\.py:build'"):
        GANConfig.model_validate({role: {"name": "my_file.py:build"}})
