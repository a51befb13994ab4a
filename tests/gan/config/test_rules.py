"""Check which losses, penalties and networks GANConfig refuses to join."""

import pydantic
import pytest

from harness.gan.config.config import GANConfig

PENALTY = {"name": "r1", "weight": 10.0}
SEQUENTIAL = {"discriminator_batches": "sequential"}
SPECTRAL = {"spectral_normalization": True}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"regularizer": {"name": "r1"}}, r"regularizer\.weight must be above 0 .* r1, such as"),
        ({"regularizer": {"weight": 1.0}}, r"regularizer\.weight must be 0 .*received 1\.0 and 1"),
        ({"regularizer": {"interval": 2}}, r"interval 1 with regularizer\.name none"),
        ({"regularizer": PENALTY, "update": SEQUENTIAL}, "belongs to neither of two updates"),
        (
            {"regularizer": PENALTY, "discriminator": {"normalization": "batch"}},
            "makes it depend on all the others",
        ),
        (
            {"loss": {"name": "relativistic"}, "update": SEQUENTIAL},
            "sees real and fake logits together",
        ),
        ({"loss": {"name": "hinge", "label_noise": 0.1}}, "need targets, which the loss hinge"),
        ({"loss": {"name": "wasserstein"}}, "needs a bound .* received none and false"),
        (
            {"loss": {"name": "wasserstein"}, "regularizer": PENALTY},
            "r1 and r2 flatten it at images, and leave it free between",
        ),
        (
            {
                "loss": {"name": "wasserstein"},
                "discriminator": {**SPECTRAL, "normalization": "layer"},
            },
            "lifts the bound; received layer",
        ),
        (
            {
                "loss": {"name": "wasserstein"},
                "discriminator": {**SPECTRAL, "name": "resnet", "attention": "half"},
            },
            "its gate grows without one; received half",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(content, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        GANConfig.model_validate(content)


@pytest.mark.parametrize(
    "content",
    [
        {"loss": {"name": "least_squares", "label_smoothing": 0.1}},
        {"loss": {"name": "wasserstein"}, "discriminator": SPECTRAL},
        {
            "loss": {"name": "wasserstein"},
            "regularizer": {"name": "gradient_penalty", "weight": 10.0},
            "discriminator": {"normalization": "layer"},
        },
        {
            "loss": {"name": "relativistic"},
            "regularizer": {"name": "r1_r2", "weight": 1.0, "interval": 16},
            "update": {"order": "simultaneous", "discriminator_batches": "separate"},
        },
    ],
)
def test_what_can_work_is_accepted(content):
    assert isinstance(GANConfig.model_validate(content), GANConfig)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator": {"attention": "half"}}, "generator.attention .*received half with dcgan"),
        (
            {"discriminator": {"attention": "quarter"}},
            "discriminator.attention .*received quarter with conv",
        ),
        (
            {"discriminator": {"name": "resnet", "attention": "quarter", "depth": 1}},
            "discriminator.depth must be at least 2.*received 1",
        ),
        (
            {"generator": {"conditioning": "conditional_batch", "normalization": "group"}},
            "generator.normalization must be batch.*received group",
        ),
        (
            {"discriminator": {"minibatch_deviation": True}},
            "discriminator_batches must be separate or sequential.*received joint",
        ),
    ],
)
def test_networks_that_cannot_be_built_are_refused(small_config, changes, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        small_config(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"generator": {"name": "resnet", "attention": "half"}},
        {"discriminator": {"name": "resnet", "attention": "half", "depth": 1}},
        {"discriminator": {"name": "resnet", "attention": "quarter", "widths": [4, 4]}},
        {"generator": {"conditioning": "conditional_batch"}},
        {
            "discriminator": {"minibatch_deviation": True},
            "update": {"discriminator_batches": "sequential"},
        },
    ],
)
def test_their_neighbours_are_accepted(small_config, changes):
    small_config(**changes)
