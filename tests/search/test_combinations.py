"""Prove that what a GAN can be made of can be searched over, each part under its condition."""

import pytest

from harness.gan.rules import RULES
from harness.search.combinations import combination_faults
from harness.search.fields import FIELDS
from harness.search.parameters import parse_parameters

OPTIMISATION = {
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


@pytest.mark.parametrize("record", [OPTIMISATION, DATA_SIDE])
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
    record = {**OPTIMISATION, **DATA_SIDE}
    record[field] = {key: value for key, value in record[field].items() if key != "when"}
    faults = faults_of(record)
    assert len(faults) == 1
    assert fault in faults[0]
    assert field in faults[0]


def test_a_decay_ends_after_its_warm_up():
    record = {**OPTIMISATION, "schedule.warmup_kimg": {"value": 128.0}}
    assert "schedule.decay_kimg must be above schedule.warmup_kimg" in faults_of(record)[0]


def test_every_rule_names_fields_there_are():
    assert {field for rule in RULES for field in rule.fields} <= set(FIELDS)


def test_targets_of_real_images_stay_above_those_of_fakes():
    # 1 - 0.4 - 0.3 = 0.3 is what a fake may aim at with 0.3; with 0.35 they cross.
    smoothing = {"loss.label_smoothing": {"value": 0.4}}
    assert faults_of({**smoothing, "loss.label_noise": {"choices": [0.0, 0.3]}}) == []
    faults = faults_of({**smoothing, "loss.label_noise": {"choices": [0.0, 0.35]}})
    assert "fall below those of fakes; received 0.4 and 0.35" in faults[0]
