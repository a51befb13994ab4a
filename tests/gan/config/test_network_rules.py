import pytest
from pydantic import ValidationError


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
    with pytest.raises(ValidationError, match=message):
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
