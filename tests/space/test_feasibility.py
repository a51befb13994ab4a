"""Prove that what a GAN can be made of can be searched over, each part under its condition."""

import random

import pytest

from harness.gan.config.config import GANConfig, build_config, unchecked_config
from harness.gan.config.rules import RULES
from harness.space.feasibility import combination_faults, sample_values
from harness.space.fields import FIELDS
from harness.space.parameter_parsing import parse_parameters

OPTIMIZATION = {
    "optimizer.name": {"choices": ["adam", "adamw", "rmsprop"]},
    "optimizer.beta_1": {
        "when": {"optimizer.name": ["adam", "adamw"]},
        "choices": [0.0, 0.5, 0.9],
    },
    "optimizer.beta_2": {"choices": [0.9, 0.99, 0.999]},
    "optimizer.weight_decay": {
        "when": {"optimizer.name": "adamw"},
        "low": 1.0e-4,
        "high": 0.1,
        "log": True,
    },
    "optimizer.clip_norm": {"choices": [0.0, 1.0, 5.0]},
    "schedule.name": {"choices": ["constant", "linear", "cosine"]},
    "schedule.warmup_kimg": {"low": 0.0, "high": 4.0},
    "schedule.decay_kimg": {"when": {"schedule.name": ["linear", "cosine"]}, "value": 128.0},
    "schedule.final_share": {
        "when": {"schedule.name": ["linear", "cosine"]},
        "low": 0.0,
        "high": 0.5,
    },
    "ema.half_life_kimg": {"choices": [0.0, 5.0]},
    "ema.ramp": {"when": {"ema.half_life_kimg": 5.0}, "choices": [0.0, 0.05]},
    "precision": {"choices": ["float32", "bfloat16"]},
}
DATA_SIDE = {
    "augment.translation": {"low": 0.0, "high": 0.25},
    "augment.cutout": {"choices": [0.0, 0.5]},
    "augment.brightness": {"low": 0.0, "high": 0.25},
    "augment.saturation": {"low": 0.0, "high": 1.0},
    "augment.contrast": {"low": 0.0, "high": 0.5},
    "augment.noise": {"choices": [0.0, 0.05, 0.1]},
    "augment.noise_kimg": {"when": {"augment.noise": [0.05, 0.1]}, "low": 8.0, "high": 64.0},
}


def faults_of(record):
    faults = []
    parameters = parse_parameters(record, faults)
    return faults or combination_faults(parameters)


@pytest.mark.parametrize("record", [OPTIMIZATION, DATA_SIDE])
def test_ingredients_are_searched_under_their_conditions(record):
    assert faults_of(record) == []


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("optimizer.weight_decay", "must be above 0 when optimizer.name is adamw, and 0 other"),
        ("schedule.decay_kimg", "must be 0 when schedule.name is constant"),
        ("schedule.final_share", "must be 0 when schedule.name is constant"),
        ("ema.ramp", "must be 0 when ema.half_life_kimg is 0"),
        ("augment.noise_kimg", "must both be above 0 or both be 0"),
    ],
)
def test_a_part_without_its_condition_is_refused(field, fault):
    record = {**OPTIMIZATION, **DATA_SIDE}
    record[field] = {key: value for key, value in record[field].items() if key != "when"}
    faults = faults_of(record)
    assert len(faults) == 1
    assert fault in faults[0]
    assert field in faults[0]


def test_a_decay_ends_after_its_warm_up():
    record = {**OPTIMIZATION, "schedule.warmup_kimg": {"value": 128.0}}
    assert "schedule.decay_kimg must be above schedule.warmup_kimg" in faults_of(record)[0]


def test_every_rule_names_fields_there_are():
    assert {field for rule in RULES for field in rule.fields} <= set(FIELDS)


def test_targets_of_real_images_stay_above_those_of_fakes():
    # 1 - 0.4 - 0.3 = 0.3 is what a fake may aim at with 0.3; with 0.35 they cross.
    smoothing = {"loss.label_smoothing": {"value": 0.4}}
    assert faults_of({**smoothing, "loss.label_noise": {"choices": [0.0, 0.3]}}) == []
    faults = faults_of({**smoothing, "loss.label_noise": {"choices": [0.0, 0.35]}})
    assert "fall below those of fakes; received 0.4 and 0.35" in faults[0]


PENALTIES = ["none", "gradient_penalty", "r1", "r2", "r1_r2"]

# Every loss and penalty, each penalty with a weight of its own, a critic always with a bound.
LOSS_SIDE = {
    "loss.name": {
        "choices": ["non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"]
    },
    "regularizer.name": [
        {"when": {"loss.name": "wasserstein"}, "choices": ["gradient_penalty"]},
        {
            "when": {
                "loss.name": ["non_saturating", "least_squares", "hinge", "relativistic"],
            },
            "choices": PENALTIES,
        },
    ],
    "regularizer.weight": [
        {"when": {"regularizer.name": "gradient_penalty"}, "low": 1.0, "high": 20.0},
        {
            "when": {"regularizer.name": ["r1", "r2", "r1_r2"]},
            "low": 0.1,
            "high": 100.0,
            "log": True,
        },
    ],
    "regularizer.interval": {
        "when": {"regularizer.name": ["r1", "r2", "r1_r2"]},
        "choices": [1, 4, 16],
    },
    "discriminator.normalization": {
        "when": {"regularizer.name": "none"},
        "choices": ["none", "batch"],
    },
}


def test_weights_exist_with_their_penalties_alone():
    found = []
    parameters = parse_parameters(LOSS_SIDE, found)
    assert found == []
    assert combination_faults(parameters) == []
    rng = random.Random(0)
    configs = [build_config(sample_values(parameters, rng)) for _ in range(300)]
    assert {config.regularizer.name for config in configs} == set(PENALTIES)
    for config in configs:
        assert (config.regularizer.weight > 0) == (config.regularizer.name != "none")
    lazy = {config.regularizer.name for config in configs if config.regularizer.interval > 1}
    assert lazy == {"r1", "r2", "r1_r2"}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"loss.name": {"choices": ["hinge", "wasserstein"]}},
            "parameters allow loss.name=wasserstein, which makes no valid GAN: loss.name "
            "wasserstein needs a bound on the discriminator's slope",
        ),
        (
            {
                "loss.name": {"value": "wasserstein"},
                "regularizer.name": {"choices": ["gradient_penalty", "r1"]},
                "regularizer.weight": {"value": 10.0},
            },
            "received r1 and false. r1 and r2 flatten it at images",
        ),
        (
            {
                "loss.name": {"value": "wasserstein"},
                "discriminator.spectral_normalization": {"value": True},
                "discriminator.normalization": {"choices": ["none", "batch"]},
            },
            "discriminator.normalization must be none with loss.name wasserstein",
        ),
        (
            {
                "regularizer.name": {"choices": ["none", "r1"]},
                "regularizer.weight": {"when": {"regularizer.name": "r1"}, "value": 10.0},
                "discriminator.normalization": {"choices": ["none", "batch"]},
            },
            "discriminator.normalization must not be batch with regularizer.name r1",
        ),
        (
            {"regularizer.name": {"choices": ["none", "r1"]}},
            "regularizer.weight must be above 0 with regularizer.name r1, such as 10.0",
        ),
        (
            {"regularizer.weight": {"low": 0.0, "high": 1.0}},
            "regularizer.weight must be 0 and regularizer.interval 1 with regularizer.name none",
        ),
        (
            {
                "loss.name": {"choices": ["hinge", "relativistic"]},
                "update.discriminator_batches": {"choices": ["joint", "sequential"]},
            },
            "update.discriminator_batches must be joint or separate with loss.name relativistic",
        ),
    ],
)
def test_a_space_that_can_propose_the_impossible_is_refused(record, message):
    faults = faults_of(record)
    assert len(faults) == 1
    assert message in faults[0]
    assert faults[0].endswith("Make one depend on the other with `when`.")


def test_however_rare_it_is():
    # One of 40 x 2 x 50 x 2 = 8,000 configurations.
    record = {
        "generator.width": {"choices": list(range(1, 41))},
        "discriminator.normalization": {
            "when": {"generator.width": 40},
            "choices": ["none", "batch"],
        },
        "batch_size": {"choices": list(range(2, 52))},
        "regularizer.name": {"when": {"batch_size": 50}, "choices": ["none", "r1"]},
        "regularizer.weight": {"when": {"regularizer.name": "r1"}, "value": 1.0},
    }
    faults = faults_of(record)
    assert len(faults) == 1
    assert "must not be batch with regularizer.name r1" in faults[0]


def test_defaults_break_no_rule():
    assert [rule.fields for rule in RULES if rule.fault(GANConfig())] == []


def test_unchecked_configurations_hold_the_same_values():
    values = {"batch_size": 8, "loss.name": "hinge", "generator.width": 16, "loss.label_noise": 0}
    assert unchecked_config(values) == build_config(values)
    assert unchecked_config({"loss.name": "wasserstein"}).loss.name == "wasserstein"


def test_an_overlap_is_found_however_many_conditions_others_have():
    # 3^11 = 177,147 combinations of what decides something, of which two fields matter here.
    deciding = [name for name, field in FIELDS.items() if field.kind == "float"][:11]
    record = {
        "generator.name": {"choices": ["mlp", "dcgan"]},
        "generator.normalization": {"choices": ["none", "batch"]},
    }
    record |= {name: {"choices": [0.1, 0.2, 0.3]} for name in deciding}
    record |= {
        "generator.width": [{"when": dict.fromkeys(deciding, 0.1), "value": 16}],
        "generator.depth": [
            {"when": {"generator.normalization": "batch"}, "value": 2},
            {"when": {"generator.name": "dcgan"}, "value": 3},
        ],
    }
    faults = "\n".join(faults_of(record))
    assert "generator.depth[0] and generator.depth[1] both apply when " in faults
    assert "generator.name=dcgan, generator.normalization=batch" in faults
